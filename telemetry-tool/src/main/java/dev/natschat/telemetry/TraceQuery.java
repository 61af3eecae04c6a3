package dev.natschat.telemetry;

import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What to look for: traces with one span that has all of this.
 *
 * @param service the service's name; null for any
 * @param spanName the span's whole name; null for any
 * @param attributes span attributes that must be equal, as text (Tempo: string attributes only)
 * @param since how far to look back
 * @param limit at most so many traces
 */
public record TraceQuery(
    @Nullable String service,
    @Nullable String spanName,
    Map<String, String> attributes,
    Duration since,
    int limit) {

  /** Traces with a span of that name within the last so long. */
  public static TraceQuery spanNamed(String spanName, Duration since, int limit) {
    return new TraceQuery(null, spanName, Map.of(), since, limit);
  }

  /** Traces that a service had a part in within the last so long. */
  public static TraceQuery ofService(String service, Duration since, int limit) {
    return new TraceQuery(service, null, Map.of(), since, limit);
  }
}
