package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.LOGS;
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
import java.util.Locale;
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
 * message's are there afterwards, the broker's hops included. Of seconds here, of minutes by {@code
 * make test-loss}. The last of the tests, since Zipkin forgets all when it is stopped.
 */
@Order(Integer.MAX_VALUE)
class LossIT {
  private static final int RATE = Integer.getInteger("loss.rate", 50);
  private static final int SECONDS = Integer.getInteger("loss.seconds", 15);

  /**
   * The services' own queues hold less than the Collector's: see What telemetry costs in README.
   */
  private static final int COLLECTOR_SECONDS =
      Integer.getInteger("loss.collector.seconds", SECONDS);

  /**
   * What the broker does with a message that one client reads: it takes it in, delivers, stores.
   */
  private static final List<String> HOPS =
      "on".equals(System.getenv("BROKER_HOPS"))
              && "100".equals(System.getenv("BROKER_HOPS_SAMPLING"))
          ? List.of("egress client", "ingress client", "store chat_messages")
          : List.of();

  private static final int SECONDS_BETWEEN_REPORTS = 10;
  private static final int SECONDS_OF_A_LOGIN = 120;

  private final String room = Chat.newRoom();

  /** The traces of the messages, as a reader of the room finds them in their headers. */
  private final Set<String> messages = ConcurrentHashMap.newKeySet();

  /** The agent makes a log record of each line. */
  private static final Logger log = Logger.getLogger(LossIT.class.getName());

  private final Instant start = Instant.now().minusSeconds(1);

  @BeforeAll
  static void processesOnly() {
    if (!Boolean.getBoolean("loss.required")) {
      assumeTrue(Supervisor.isThere(), "stops processes of the system: not in containers");
    }
    assertThat(Supervisor.isThere()).as("the system runs as processes: make up-processes").isTrue();
    log.setUseParentHandlers(false); // the lines are for Loki, not for the terminal
  }

  @Test
  void theCollectorIsAway() throws Exception {
    Supervisor.stop("otelcol");
    int sent;
    try {
      sent = load(COLLECTOR_SECONDS, List.of());
    } finally {
      Supervisor.start("otelcol");
    }
    assertNothingLost("the Collector away for " + COLLECTOR_SECONDS + " s", sent);
  }

  @Test
  void theBackEndsAreAwayAndTheCollectorIsKilledTwice() throws Exception {
    String traces = Supervisor.has("tempo") ? "tempo" : "zipkin";
    Supervisor.stop(traces);
    Supervisor.stop("loki");
    int sent;
    try {
      Runnable kill = () -> kill("otelcol");
      sent = load(SECONDS, List.of(kill, kill));
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

  /**
   * A message and a line of log each time; the faults in even distances. A connection ends with its
   * token, after five minutes: long loads log in again.
   */
  private int load(int seconds, List<Runnable> faults) throws Exception {
    int total = RATE * seconds;
    long begin = System.nanoTime();
    for (int sent = 0; sent < total; ) {
      try (Chat alice = Chat.as("alice")) {
        Dispatcher reader =
            alice.nats.createDispatcher(
                message ->
                    messages.add(message.getHeaders().getFirst("traceparent").split("-", -1)[1]));
        reader.subscribe("chat." + room);
        for (int end = Math.min(total, sent + RATE * SECONDS_OF_A_LOGIN); sent < end; sent++) {
          say(sent, total, begin, alice);
          for (int fault = 0; fault < faults.size(); fault++) {
            if (sent == total * (fault + 1) / (faults.size() + 1)) {
              faults.get(fault).run();
            }
          }
        }
        int soFar = sent;
        await().atMost(Duration.ofSeconds(30)).until(() -> messages.size() == soFar);
      }
    }
    return total;
  }

  private void say(int number, int total, long begin, Chat alice) throws Exception {
    for (long due = begin + number * 1_000_000_000L / RATE; System.nanoTime() < due; ) {
      LockSupport.parkNanos(due - System.nanoTime());
    }
    alice.say(room, "message " + number);
    log.info("said " + room + " " + number);
    if (number % (RATE * SECONDS_BETWEEN_REPORTS) == 0) {
      System.out.printf(
          "%,d of %,d s, %,d messages%n",
          (System.nanoTime() - begin) / 1_000_000_000, total / RATE, number);
    }
  }

  private void assertNothingLost(String what, int sent) {
    System.out.printf("Looking for the traces and log records of %,d messages%n", sent);
    await()
        .atMost(Duration.ofMinutes(5))
        .pollInterval(Duration.ofSeconds(2))
        .ignoreExceptionsInstanceOf(BackendException.class) // it starts
        .until(() -> lines().size() == sent);
    Set<String> batches = new HashSet<>();
    int spans = 0;
    for (String id : messages) {
      Trace trace = complete(id, found -> isStored(found) && hops(found).size() >= HOPS.size());
      assertThat(trace.orphans()).isEmpty();
      assertThat(hops(trace)).isEqualTo(HOPS);
      spans += trace.spans().size();
      trace.spans().forEach(span -> span.links().forEach(link -> batches.add(link.traceId())));
    }
    batches.removeAll(messages);
    for (String id : batches) {
      spans += complete(id, trace -> trace.spans().size() >= 2).spans().size(); // and its INSERT
    }
    System.out.printf(
        "%s: %,d messages sent, each with a line of log; lost none: %,d spans in %,d traces, of which %,d"
            + " hops of the broker, %,d log records%n",
        what,
        sent,
        spans,
        messages.size() + batches.size(),
        HOPS.size() * messages.size(),
        lines().size());
  }

  private static List<String> hops(Trace trace) {
    return trace.spans().stream()
        .filter(span -> span.service().equals("nats-server"))
        .map(span -> span.name().toLowerCase(Locale.ROOT)) // as Zipkin has it
        .sorted()
        .toList();
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
        .until(() -> Telemetry.wholeTrace(id).filter(whole).orElse(null), Objects::nonNull);
  }

  private Set<String> lines() {
    Set<String> lines = new HashSet<>();
    String query = "{service_name=\"system-tests\"} |= \"" + room + "\"";
    Duration window = Duration.ofMillis(2_000_000 / RATE); // Loki gives 5000 lines at most
    for (Instant from = start; from.isBefore(Instant.now()); from = from.plus(window)) {
      LOGS.query(query, from, from.plus(window), 5000).forEach(line -> lines.add(line.body()));
    }
    return lines;
  }
}
