package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.LOGS;
import static dev.natschat.systemtests.Telemetry.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import dev.natschat.telemetry.LogLine;
import dev.natschat.telemetry.Trace;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** From a trace in the trace store one finds the log lines of each service in Loki. */
class LogsIT {
  @ParameterizedTest
  @ValueSource(strings = {"auth-service", "persist-worker", "history-service"})
  void theLinesOfAServiceAreFoundByTheTrace(String service) throws Exception {
    Instant start = Instant.now().minusSeconds(1);
    String room = Chat.newRoom();
    try (Chat alice = Chat.as("alice")) {
      alice.say(room, "hello");
      alice.history(room);
    }

    eventually()
        .untilAsserted(
            () -> {
              List<LogLine> lines =
                  Telemetry.tracesWith(service, 10).stream()
                      .flatMap(trace -> ofTrace(trace, start))
                      .toList();
              assertThat(lines)
                  .filteredOn(line -> line.service().equals(service))
                  .isNotEmpty()
                  .allSatisfy(
                      line -> {
                        assertThat(line.level()).isNotEmpty();
                        assertThat(line.labels()).containsKey("span_id");
                      });
            });
  }

  /** The server says who was refused; it has no trace to say it in. */
  @Test
  void theBrokersOwnLinesAreFoundByItsName() throws Exception {
    Instant start = Instant.now().minusSeconds(1);
    String room = Chat.newRoom();
    try (Chat charlie = Chat.as("charlie")) {
      charlie.nats.publish("chat." + room, charlie.message(room, "let me in"));
      charlie.nats.flush(Duration.ofSeconds(10));
    }

    String query = "{service_name=\"nats-server\"} | service_instance_id=\"nats-chat\"";
    eventually()
        .untilAsserted(
            () ->
                assertThat(LOGS.query(query, start, Instant.now(), 1000))
                    .filteredOn(line -> line.body().contains("chat." + room))
                    .singleElement()
                    .satisfies(
                        line -> {
                          assertThat(line.body()).contains("Publish Violation");
                          assertThat(line.level()).isEqualTo("ERROR");
                          assertThat(Instant.ofEpochSecond(0, line.timeNanos()))
                              .isBetween(start, Instant.now());
                        }));
  }

  private static Stream<LogLine> ofTrace(Trace trace, Instant start) {
    return LOGS.ofTrace(trace.id(), start, Instant.now(), 100).stream();
  }
}
