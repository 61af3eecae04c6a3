package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.LOGS;
import static dev.natschat.systemtests.Telemetry.TRACES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.natschat.telemetry.BackendException;
import dev.natschat.telemetry.Span;
import dev.natschat.telemetry.Trace;
import io.nats.client.Dispatcher;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.logging.Logger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/**
 * What becomes of spans and log records while the Collector, or all behind it, is away: each
 * message's are there afterwards. Of seconds here, of minutes by {@code make test-loss}. The last
 * of the tests, since Zipkin forgets all when it is stopped.
 */
@Order(Integer.MAX_VALUE)
class LossIT {
  private static final int RATE = Integer.getInteger("loss.rate", 50);
  private static final int SECONDS = Integer.getInteger("loss.seconds", 15);

  private final String room = Chat.newRoom();

  /** The traces of the messages, as a reader of the room finds them in their headers. */
  private final Set<String> messages = ConcurrentHashMap.newKeySet();

  /** The agent makes a log record of each line. */
  private static final Logger log = Logger.getLogger(LossIT.class.getName());

  private final Instant start = Instant.now().minusSeconds(1);

  @BeforeAll
  static void processesOnly() {
    assumeTrue(Supervisor.isThere(), "stops processes of the system: not in containers");
  }

  @Test
  void theCollectorIsAway() throws Exception {
    Supervisor.stop("otelcol");
    int sent;
    try {
      sent = load(List.of());
    } finally {
      Supervisor.start("otelcol");
    }
    assertNothingLost("the Collector away for " + SECONDS + " s", sent);
  }

  @Test
  void theBackEndsAreAwayAndTheCollectorIsKilledTwice() throws Exception {
    String traces = Supervisor.has("tempo") ? "tempo" : "zipkin";
    Supervisor.stop(traces);
    Supervisor.stop("loki");
    int sent;
    try {
      Runnable kill = () -> kill("otelcol");
      sent = load(List.of(kill, kill));
    } finally {
      Supervisor.start("loki");
      Supervisor.start(traces);
    }
    assertNothingLost(
        traces + " and loki away for " + SECONDS + " s, the Collector killed twice meanwhile",
        sent);
  }

  private static void kill(String program) {
    try {
      Supervisor.kill(program);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** A message and a line of log each time; the faults in even distances. */
  private int load(List<Runnable> faults) throws Exception {
    int total = RATE * SECONDS;
    try (Chat alice = Chat.as("alice")) {
      Dispatcher reader =
          alice.nats.createDispatcher(
              message ->
                  messages.add(message.getHeaders().getFirst("traceparent").split("-", -1)[1]));
      reader.subscribe("chat." + room);
      long begin = System.nanoTime();
      for (int i = 0; i < total; i++) {
        for (long due = begin + i * 1_000_000_000L / RATE; System.nanoTime() < due; ) {
          LockSupport.parkNanos(due - System.nanoTime());
        }
        alice.say(room, "message " + i);
        log.info("said " + room + " " + i);
        for (int fault = 0; fault < faults.size(); fault++) {
          if (i == total * (fault + 1) / (faults.size() + 1)) {
            faults.get(fault).run();
          }
        }
      }
      await().atMost(Duration.ofSeconds(30)).until(() -> messages.size() == total);
    }
    return total;
  }

  private void assertNothingLost(String what, int sent) {
    await()
        .atMost(Duration.ofMinutes(5))
        .pollInterval(Duration.ofSeconds(2))
        .ignoreExceptionsInstanceOf(BackendException.class) // it starts
        .until(() -> lines().size() == sent);
    Set<String> batches = new HashSet<>();
    int spans = 0;
    for (String id : messages) {
      Trace trace = complete(id, LossIT::isStored);
      assertThat(trace.orphans()).isEmpty();
      spans += trace.spans().size();
      trace.spans().forEach(span -> span.links().forEach(link -> batches.add(link.traceId())));
    }
    batches.removeAll(messages);
    for (String id : batches) {
      spans += complete(id, trace -> trace.spans().size() >= 2).spans().size(); // and its INSERT
    }
    System.out.printf(
        "%s: %,d messages sent, each with a line of log; lost none: %,d spans in %,d traces, %,d log records%n",
        what, sent, spans, messages.size() + batches.size(), lines().size());
  }

  /** Published and processed; with its INSERT and its settlement, or a link to the batch. */
  private static boolean isStored(Trace trace) {
    Optional<Span> processed = // not by this test's own reader
        trace.named("process chat.*").stream()
            .filter(span -> span.service().equals("persist-worker"))
            .findFirst();
    return !trace.named("publish chat.*").isEmpty()
        && processed.isPresent()
        && (!processed.get().links().isEmpty() || trace.children(processed.get()).size() >= 2);
  }

  private static Trace complete(String id, Predicate<Trace> whole) {
    return await()
        .atMost(Duration.ofMinutes(2))
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(500))
        .ignoreExceptionsInstanceOf(BackendException.class) // it starts
        .until(() -> TRACES.trace(id).filter(whole).orElse(null), Objects::nonNull);
  }

  private Set<String> lines() {
    Set<String> lines = new HashSet<>();
    String query = "{service_name=\"system-tests\"} |= \"" + room + "\"";
    Duration window = Duration.ofMillis(4_000_000 / RATE); // Loki gives 5000 lines at most
    for (Instant from = start; from.isBefore(Instant.now()); from = from.plus(window)) {
      LOGS.query(query, from, from.plus(window), 5000).forEach(line -> lines.add(line.body()));
    }
    return lines;
  }
}
