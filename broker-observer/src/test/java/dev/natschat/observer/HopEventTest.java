package dev.natschat.observer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HopEventTest {
  private static final String EVENT =
      """
      {"server":{"name":"n1","id":"ID","cluster":"east","ver":"2.12.15","time":"2026-11-25T09:54:13.596893552Z"},
       "request":{"header":{"Nats-Trace-Hop":["1.2"],"traceparent":["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]},"msgsize":84},
       "hops":1,
       "events":[{"type":"in","ts":"2026-11-25T10:54:13.596707285+01:00","kind":1,"cid":15,"name":"n0","acc":"CHAT","subj":"chat.x"},
        {"type":"??","ts":"2026-11-25T09:54:13Z"},
        {"type":"eg","ts":"2026-11-25T09:54:13.596728366Z","kind":4,"cid":8,"name":"leaf","hop":"1.2.1"}]}
      """;

  @Test
  void allIsReadAndWhatIsUnknownIsLeftOut() throws IOException {
    HopEvent event = HopEvent.read(EVENT.getBytes(UTF_8), false);
    assertThat(event.traceId()).isEqualTo("0af7651916cd43dd8448eb211c80319c");
    assertThat(event.parentId()).isEqualTo("b7ad6b7169203331");
    assertThat(event.hop()).isEqualTo("1.2");
    assertThat(event.size()).isEqualTo(84);
    assertThat(event.server()).isEqualTo(new HopEvent.Server("ID", "n1", "east", "2.12.15"));
    assertThat(event.arrival().nanos()).isEqualTo(1795600453596707285L);
    assertThat(event.sentNanos()).isEqualTo(1795600453596893552L);
    assertThat(event.steps()).hasSize(2);
    assertThat(event.steps().get(1).peer()).isEqualTo("leafnode");
    assertThat(event.steps().get(1).hop()).isEqualTo("1.2.1");
  }

  @Test
  void aCompressedOneIsRead() throws IOException {
    assertThat(HopEvent.read(zipped(EVENT.getBytes(UTF_8)), true))
        .isEqualTo(HopEvent.read(EVENT.getBytes(UTF_8), false));
  }

  @Test
  void oneThatIsHugeWhenUnpackedIsRefused() throws IOException {
    byte[] bomb = zipped(new byte[100_000_000]);
    assertThat(bomb.length).isLessThan(200_000);
    assertThatThrownBy(() -> HopEvent.read(bomb, true)).hasMessageContaining("when unpacked");
  }

  private static byte[] zipped(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream zip = new GZIPOutputStream(out)) {
      zip.write(bytes);
    }
    return out.toByteArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[]", "null", "{}", "\u0000", "{\"server\":{}}", "1"})
  void nonsenseIsRefused(String nonsense) {
    assertThatThrownBy(() -> HopEvent.read(nonsense.getBytes(UTF_8), false))
        .isInstanceOf(IOException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
        "b3"
      })
  void withoutASampledTraceparentItIsNobodys(String traceparent) {
    String other = EVENT.replaceFirst("00-0af[^\"]*", traceparent);
    assertThatThrownBy(() -> HopEvent.read(other.getBytes(UTF_8), false))
        .hasMessage("without a sampled traceparent");
  }

  @ParameterizedTest
  @CsvSource({
    "2.12.15,false", "2.12.12,false", "2.12.11,true", "2.11.9,true", "2.13.4,true",
    "2.14.0,false", "2.15.1,false", "3.0.0,false", "2.14.0-beta.1,false", "dev,false"
  })
  void versionsThatHideTheTraceparentAreTold(String version, boolean tooOld) {
    assertThat(Hops.isTooOld(version)).isEqualTo(tooOld);
  }
}
