package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.sdk.resources.Resource;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class ServerLogLineTest {
  private static List<ServerLogLine> parse(String... lines) {
    return ServerLogLine.parse(List.of(lines), Resource.empty(), 7);
  }

  @Test
  void aLineHasTimeSeverityAndText() {
    ServerLogLine line =
        parse("[21] 2026/11/25 13:44:20.123456 [WRN] Adding account $G was slow").get(0);
    assertThat(line.getTimestampEpochNanos())
        .isEqualTo(
            Instant.parse("2026-11-25T13:44:20Z").getEpochSecond() * 1_000_000_000L + 123_456_000);
    assertThat(line.getSeverity()).isEqualTo(Severity.WARN);
    assertThat(line.getSeverityText()).isEqualTo("WARN");
    assertThat(line.getBodyValue().asString()).isEqualTo("Adding account $G was slow");
    assertThat(line.getSpanContext().isValid()).isFalse();
  }

  @Test
  void everyLevelOfNatsServerIsKnown() {
    for (String level : List.of("TRC", "DBG", "INF", "WRN", "ERR", "FTL")) {
      assertThat(parse("[1] 2026/11/25 13:44:20.123456 [" + level + "] x").get(0).getSeverity())
          .as(level)
          .isNotEqualTo(Severity.UNDEFINED_SEVERITY_NUMBER);
    }
  }

  @Test
  void aStackTraceBelongsToTheLineBeforeIt() {
    List<ServerLogLine> lines =
        parse(
            "[1] 2026/11/25 13:44:20.123456 [INF] fine",
            "panic: not fine",
            "",
            "goroutine 1 [running]:",
            "[2] 2026/11/25 13:44:21.000000 [INF] Starting nats-server");
    assertThat(lines)
        .extracting(ServerLogLine::text)
        .containsExactly("fine\npanic: not fine\ngoroutine 1 [running]:", "Starting nats-server");
  }

  @Test
  void whatHasATimeThatIsNoneBelongsToTheLineBeforeIt() {
    assertThat(
            parse(
                "[1] 2026/11/25 13:44:20.123456 [INF] fine",
                "[1] 2026/13/25 13:44:20.123456 [INF] in month 13"))
        .extracting(ServerLogLine::text)
        .containsExactly("fine\n[1] 2026/13/25 13:44:20.123456 [INF] in month 13");
  }

  @Test
  void whatHasNoLineBeforeItIsALineOfItsOwn() {
    assertThat(parse("nats-server: nats.conf:3:1: unknown field"))
        .containsExactly(
            new ServerLogLine(
                Resource.empty(), 7, "", "nats-server: nats.conf:3:1: unknown field"));
  }

  @Test
  void whatAClientSentIsLeftOut() {
    String head = "[1] 2026/11/25 13:44:20.123456 [ERR] 127.0.0.1:5 - cid:9 - ";
    assertThat(
            parse(
                head + "Client parser ERROR, state=0, i=0: proto='\"a secret\"...'",
                head + "maximum control line exceeded: State 2 (snip: \"CONNECT a secret\"...)"))
        .hasSize(2)
        .extracting(ServerLogLine::text)
        .allSatisfy(text -> assertThat(text).contains("cid:9").doesNotContain("secret"));
  }
}
