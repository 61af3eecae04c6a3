package dev.natschat.systemtests;

import static org.awaitility.Awaitility.await;

import dev.natschat.telemetry.LokiReader;
import dev.natschat.telemetry.PrometheusReader;
import dev.natschat.telemetry.Span;
import dev.natschat.telemetry.Trace;
import dev.natschat.telemetry.TraceQuery;
import dev.natschat.telemetry.TraceReader;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import org.awaitility.core.ConditionFactory;

/** What the system says of itself, read back from the servers that hold it. */
final class Telemetry {
  private static final TraceReader STORE = TraceReader.open(Chat.ADDRESSES);

  /** Without the broker's hops: their number depends on who is listening. */
  static final TraceReader TRACES = new WithoutHops(STORE);

  static final LokiReader LOGS = new LokiReader(Chat.ADDRESSES);
  static final PrometheusReader METRICS = new PrometheusReader(Chat.ADDRESSES);
  static final List<String> SERVICES = List.of("auth-service", "persist-worker", "history-service");

  static final Duration RECENT = Duration.ofMinutes(15);

  private Telemetry() {}

  /** As it is stored, with the broker's hops. */
  static Optional<Trace> wholeTrace(String id) {
    return STORE.trace(id);
  }

  private record WithoutHops(TraceReader store) implements TraceReader {
    @Override
    public String source() {
      return store.source();
    }

    @Override
    public Optional<Trace> trace(String id) {
      return store
          .trace(id)
          .map(
              trace ->
                  trace.spans().stream()
                      .filter(span -> !span.service().equals(Trace.BROKER))
                      .toList())
          .filter(spans -> !spans.isEmpty())
          .map(spans -> new Trace(Trace.normalizeId(id), spans));
    }

    @Override
    public List<String> search(TraceQuery query) {
      return store.search(query);
    }
  }

  /**
   * Above all that lies between an event and its telemetry: export (10 s), scrape (10 s), queues.
   */
  static ConditionFactory eventually() {
    return await().atMost(Duration.ofMinutes(2)).pollInterval(Duration.ofMillis(500));
  }

  /** The trace in which something was sent to this subject, once it has all of that. */
  static Trace traceOf(String subject, Predicate<Trace> complete) {
    return eventually()
        .until(
            () -> tracesOf(subject, 20).stream().filter(complete).findFirst().orElse(null),
            Objects::nonNull);
  }

  static List<Trace> tracesOf(String subject, int limit) {
    TraceQuery query =
        new TraceQuery(null, null, Map.of("messaging.destination.name", subject), RECENT, limit);
    return TRACES.search(query).stream().flatMap(id -> TRACES.trace(id).stream()).toList();
  }

  /** The newest traces that a service has a part in. */
  static List<Trace> tracesWith(String service, int limit) {
    return TRACES.search(TraceQuery.ofService(service, RECENT, limit)).stream()
        .flatMap(id -> TRACES.trace(id).stream())
        .toList();
  }

  static Trace trace(String id) {
    return TRACES.trace(id).orElseThrow();
  }

  /** Whether a trace has a span of that name in that service. */
  static boolean has(Trace trace, String service, String name) {
    return trace.named(name).stream().anyMatch(span -> span.service().equals(service));
  }

  /**
   * Every span with the one above it, such as {@code a CLIENT request x > b SERVER process x}; in
   * lower case.
   */
  static List<String> edges(Trace trace) {
    return trace.spans().stream()
        .map(
            span ->
                (span.parentId() == null
                        ? "-"
                        : trace
                            .span(span.parentId())
                            .map(Telemetry::name)
                            .orElse("(not in the trace)"))
                    + " > "
                    + name(span))
        .toList();
  }

  private static String name(Span span) {
    return (span.service() + " " + span.kind() + " " + span.name()).toLowerCase(Locale.ROOT);
  }

  static double metric(String promQl) {
    return METRICS.value(promQl).orElse(0);
  }
}
