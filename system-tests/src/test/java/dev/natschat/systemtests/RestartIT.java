package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.LOGS;
import static dev.natschat.systemtests.Telemetry.eventually;
import static dev.natschat.systemtests.Telemetry.has;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.nats.client.Message;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a service does last is seen, too. After all others: counters begin anew. */
@Order(Integer.MAX_VALUE)
class RestartIT {
  private final Instant start = Instant.now().minusSeconds(1);

  @BeforeEach
  void inProcessesMode() {
    assumeTrue(Supervisor.isThere(), "restarts processes of the system: not in containers");
  }

  /**
   * Each waits for the database as long as a statement may take, one second, and is then answered
   * with an error. Few, for a few slow requests ring no alert.
   */
  @Test
  void theRequestsThatAServiceAnswersWhileItStopsAreInTheTraces() throws Exception {
    String subject = "chat.history." + Chat.newRoom();
    List<CompletableFuture<Message>> answers = new ArrayList<>();
    try (Chat alice = Chat.as("alice");
        Connection locked = Table.lockMessages()) {
      for (int i = 0; i < 3; i++) {
        answers.add(alice.nats.requestWithTimeout(subject, null, Duration.ofSeconds(30)));
      }
      alice.nats.flush(Duration.ofSeconds(10)); // the service has them before it is told to stop
      Supervisor.restart("history-service");
      for (CompletableFuture<Message> answer : answers) {
        assertThat(answer.get().getHeaders().containsKey("Nats-Service-Error")).isTrue();
      }
      locked.rollback();
    }
    eventually()
        .untilAsserted(
            () ->
                assertThat(Telemetry.tracesOf(subject, 100))
                    .filteredOn(trace -> has(trace, "history-service", "process chat.history.*"))
                    .hasSameSizeAs(answers));
    awaitLastLine("history-service");
  }

  @ParameterizedTest
  @ValueSource(strings = {"auth-service", "persist-worker", "broker-observer"})
  void theLastLineOfAServiceIsInLoki(String service) throws Exception {
    Supervisor.restart(service);
    awaitLastLine(service);
  }

  private void awaitLastLine(String service) {
    String query = "{service_name=\"" + service + "\"}";
    eventually()
        .untilAsserted(
            () ->
                assertThat(LOGS.query(query, start, Instant.now(), 1000))
                    .anyMatch(line -> line.body().equals("Stopped")));
  }

  /** For the tests after this one. */
  @AfterEach
  void awaitChat() {
    String room = Chat.newRoom();
    eventually()
        .ignoreExceptions()
        .until(
            () -> {
              try (Chat alice = Chat.as("alice")) {
                alice.say(room, "here again");
                return !alice.history(room).isEmpty();
              }
            });
  }
}
