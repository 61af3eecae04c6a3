package dev.natschat.telemetry;

import static java.util.Comparator.comparingLong;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Reads log records from Loki (grafana.com/docs/loki/latest/reference/loki-http-api). Thread-safe.
 */
public final class LokiReader {
  /** LogQL that selects the records of all services. */
  static final String ALL = "{service_name=~\".+\"}";

  private final HttpJson http;

  /** Reads from the Loki of these addresses. */
  public LokiReader(Addresses addresses) {
    this.http = new HttpJson("Loki", addresses.loki());
  }

  /**
   * The newest records that a LogQL query finds in an interval, in order of their time.
   *
   * @throws BackendException when Loki fails
   */
  public List<LogLine> query(String logQl, Instant start, Instant end, int limit) {
    return http.get(
            "/loki/api/v1/query_range",
            Map.of(
                "query", logQl,
                "start", Long.toString(nanos(start)),
                "end", Long.toString(nanos(end)),
                "limit", Integer.toString(limit),
                "direction", "backward"))
        .map(LokiReader::toLines)
        .orElseThrow(
            () -> new BackendException(http + " has no query API: is it another server?", null));
  }

  /**
   * The records of a trace, of all services, in order of their time.
   *
   * @param traceId as {@link Trace#id}
   */
  public List<LogLine> ofTrace(String traceId, Instant start, Instant end, int limit) {
    return query(ALL + " | trace_id=\"" + traceId + '"', start, end, limit);
  }

  static List<LogLine> toLines(JsonNode answer) {
    List<LogLine> lines = new ArrayList<>();
    for (JsonNode stream : answer.path("data").path("result")) {
      Map<String, String> labels = new TreeMap<>();
      stream
          .path("stream")
          .properties()
          .forEach(l -> labels.put(l.getKey(), l.getValue().asText()));
      String service = labels.getOrDefault("service_name", "");
      String level =
          labels
              .getOrDefault("severity_text", labels.getOrDefault("detected_level", ""))
              .toUpperCase(Locale.ROOT);
      for (JsonNode value : stream.path("values")) {
        lines.add(
            new LogLine(
                Long.parseLong(value.path(0).asText()),
                service,
                level,
                value.path(1).asText(),
                labels));
      }
    }
    lines.sort(comparingLong(LogLine::timeNanos));
    return lines;
  }

  private static long nanos(Instant time) {
    return Math.addExact(Math.multiplyExact(time.getEpochSecond(), 1_000_000_000L), time.getNano());
  }
}
