package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.LOGS;
import static dev.natschat.systemtests.Telemetry.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import dev.natschat.telemetry.LogLine;
import dev.natschat.telemetry.Trace;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
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

  private static Stream<LogLine> ofTrace(Trace trace, Instant start) {
    return LOGS.ofTrace(trace.id(), start, Instant.now(), 100).stream();
  }
}
