package dev.natschat.observer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;

class HopSheddingTest {
  private static final long SECOND = 1_000_000_000L;

  private long now;
  private final HopShedding shedding = new HopShedding(() -> now);
  private final Random random = new Random(3);

  private static byte[] event(String traceId, String hop) {
    return ("{\"server\":{},\"request\":{\"header\":{"
            + (hop.isEmpty() ? "" : "\"Nats-Trace-Hop\":[\"" + hop + "\"],")
            + "\"traceparent\":[\"00-"
            + traceId
            + "-b7ad6b7169203331-01\"]}}}")
        .getBytes(UTF_8);
  }

  private String traceId() {
    return String.format("%016x%016x", random.nextLong(), random.nextLong());
  }

  private double leftOut() {
    int left = 0;
    for (int i = 0; i < 10_000; i++) {
      String trace = traceId();
      boolean out = shedding.leavesOut(event(trace, ""), false);
      assertThat(shedding.leavesOut(event(trace, "1"), false)).as("all of a trace").isEqualTo(out);
      assertThat(shedding.leavesOut(event(trace, "1.2"), false)).isEqualTo(out);
      left += out ? 1 : 0;
    }
    return left / 10_000.0;
  }

  @Test
  void nothingIsLeftOutWhileItKeepsUp() {
    for (int i = 0; i < 10; i++) {
      now += SECOND;
      shedding.adapt(HopShedding.TOO_MANY);
    }
    assertThat(leftOut()).isZero();
  }

  @Test
  void theMoreWaitsTheMoreWholeTracesAreLeftOutAndAllComeBack() {
    now += SECOND;
    shedding.adapt(HopShedding.TOO_MANY + 1);
    assertThat(leftOut()).isBetween(0.45, 0.55);
    shedding.adapt(HopShedding.TOO_MANY + 1); // too soon
    assertThat(leftOut()).isBetween(0.45, 0.55);
    now += SECOND;
    shedding.adapt(HopShedding.TOO_MANY + 1);
    assertThat(leftOut()).isBetween(0.7, 0.8);
    for (int i = 0; i < 100; i++) {
      now += SECOND;
      shedding.adapt(1_000_000);
    }
    assertThat(leftOut()).isBetween(0.99, 1.0).isLessThan(1.0);
    for (int i = 0; i < 100; i++) {
      now += SECOND;
      shedding.adapt(0);
    }
    assertThat(leftOut()).isZero();
  }

  @Test
  void whatIsNoEventIsLeftToWhoReadsIt() {
    now += SECOND;
    shedding.adapt(Long.MAX_VALUE);
    assertThat(shedding.leavesOut("{}".getBytes(UTF_8), false)).isFalse();
    assertThat(shedding.leavesOut("\"traceparent\":[\"".getBytes(UTF_8), false)).isFalse();
  }

  /** Its trace cannot be told without unpacking it. */
  @Test
  void aCompressedEventIsLeftOutWhileAnythingIs() throws IOException {
    ByteArrayOutputStream zipped = new ByteArrayOutputStream();
    try (GZIPOutputStream zip = new GZIPOutputStream(zipped)) {
      zip.write(event(traceId(), ""));
    }
    assertThat(shedding.leavesOut(zipped.toByteArray(), true)).isFalse();
    now += SECOND;
    shedding.adapt(HopShedding.TOO_MANY + 1);
    assertThat(shedding.leavesOut(zipped.toByteArray(), true)).isTrue();
    now += SECOND;
    shedding.adapt(0);
    assertThat(shedding.leavesOut(zipped.toByteArray(), true)).isFalse();
  }

  @Test
  void theFirstServersEventIsTold() {
    assertThat(HopShedding.isFirst(event(traceId(), ""))).isTrue();
    assertThat(HopShedding.isFirst(event(traceId(), "1"))).isFalse();
  }
}
