package dev.natschat.telemetry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.TypeConversionException;

class LogsTest {
  /**
   * As grafana.com/docs/loki documents a query of streams; structured metadata is among the labels.
   */
  private static final String ANSWER =
      """
      {"status":"success","data":{"resultType":"streams","result":[
        {"stream":{"service_name":"persist-worker","severity_text":"INFO","trace_id":"a1","detected_level":"info"},
         "values":[["1700000000000000002","second"],["1700000000000000001","first"]]},
        {"stream":{"service_name":"auth-service","severity_text":"ERROR","exception_type":"E","exception_message":"m"},
         "values":[["1700000000000000003","third"]]}]}}
      """;

  @Test
  void linesComeInOrderOfTimeWithServiceAndLevel() {
    try (CannedServer server = new CannedServer().answers("/loki/api/v1/query_range", ANSWER)) {
      List<LogLine> lines =
          new LokiReader(server.addresses())
              .ofTrace(
                  "a1",
                  Instant.ofEpochSecond(1_700_000_000),
                  Instant.ofEpochSecond(1_700_000_001),
                  9);

      assertThat(lines).extracting(LogLine::body).containsExactly("first", "second", "third");
      assertThat(lines)
          .extracting(LogLine::service)
          .containsExactly("persist-worker", "persist-worker", "auth-service");
      assertThat(lines).extracting(LogLine::level).containsExactly("INFO", "INFO", "ERROR");
      assertThat(server.queries.get(0))
          .contains("query={service_name=~\".+\"} | trace_id=\"a1\"")
          .contains("start=1700000000000000000");
    }
  }

  @Test
  void aLongMessageIsBrokenAndNotCutAndAnExceptionFollowsIt() {
    LogLine line =
        new LogLine(
            1_700_000_000_000_000_000L,
            "auth-service",
            "ERROR",
            "word ".repeat(30).strip() + " end",
            Map.of(
                "exception_type",
                "java.io.IOException",
                "exception_message",
                "gone",
                "trace_id",
                "a1"));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    new LogView(new Terminal(100, false, true), new PrintStream(bytes, true, UTF_8))
        .ofAll(List.of(line), Duration.ofMinutes(15));

    List<String> printed = bytes.toString(UTF_8).lines().toList();
    assertThat(printed.get(0)).startsWith(" 22:13:20.000 ERROR auth-service word word");
    assertThat(printed).allMatch(l -> l.length() <= 100);
    assertThat(String.join(" ", printed))
        .contains("end")
        .contains("java.io.IOException: gone")
        .contains("trace a1");
  }

  @Test
  void aLineCannotSteerTheTerminal() {
    LogLine line =
        new LogLine(
            1_700_000_000_000_000_000L,
            "auth\u009b2J",
            "INFO",
            "\u009b31m\u202e\u2066one \ud83d\udc69\u200d\ud83d\ude80\u2069\ntwo",
            Map.of());
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    LogView view = new LogView(new Terminal(100, false, true), new PrintStream(bytes, true, UTF_8));

    view.ofAll(List.of(line), Duration.ofMinutes(15));
    view.ofTrace(List.of(line), new Trace("1", List.of(TraceViewTest.named("process chat.*"))));

    assertThat(bytes.toString(UTF_8))
        .contains(" 31m one \ud83d\udc69\u200d\ud83d\ude80")
        .contains("two")
        .doesNotContainPattern("[\\p{Cc}\u202a-\u202e\u2066-\u2069&&[^\n]]");
  }

  @Test
  void theQueryHasWhatWasAskedFor() {
    assertThat(LogsCommand.logQl(null, null, List.of())).isEqualTo("{service_name=~\".+\"}");
    assertThat(LogsCommand.logQl("auth-service", "A1", List.of("error", "warn")))
        .isEqualTo(
            "{service_name=\"auth-service\"} | trace_id=\"000000000000000000000000000000a1\" | severity_text=~\"ERROR|WARN\"");
    assertThat(LogsCommand.logQl("a\"} |= \"b", "", List.of("x|y")))
        .isEqualTo("{service_name=\"a} |= b\"}");
  }

  @Test
  void anAgeHasAUnit() {
    assertThat(new LogsCommand.Age().convert("90s")).isEqualTo(Duration.ofSeconds(90));
    assertThat(new LogsCommand.Age().convert("15M")).isEqualTo(Duration.ofMinutes(15));
    assertThat(new LogsCommand.Age().convert("2h")).isEqualTo(Duration.ofHours(2));
    assertThat(new LogsCommand.Age().convert("1d")).isEqualTo(Duration.ofDays(1));
    assertThatThrownBy(() -> new LogsCommand.Age().convert("15"))
        .isInstanceOf(TypeConversionException.class)
        .hasMessageContaining("expected one like 30s, 15m, 2h or 1d");
  }
}
