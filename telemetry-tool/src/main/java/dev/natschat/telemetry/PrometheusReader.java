package dev.natschat.telemetry;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * Reads metrics from Prometheus (prometheus.io/docs/prometheus/latest/querying/api). Thread-safe.
 */
public final class PrometheusReader {
  private final HttpJson http;

  /** Reads from the Prometheus of these addresses. */
  public PrometheusReader(Addresses addresses) {
    this.http = new HttpJson("Prometheus", addresses.prometheus());
  }

  /** A point of a series: seconds since the epoch, and the value. */
  public record Point(double time, double value) {}

  /** A series: its labels ({@code __name__} among them), and its points in order of time. */
  public record Series(Map<String, String> labels, List<Point> points) {
    /** The newest value. */
    public double value() {
      return points.get(points.size() - 1).value();
    }
  }

  /**
   * An exemplar: the labels of its series, its own labels ({@code trace_id}, {@code span_id}), and
   * its value.
   */
  public record Exemplar(
      Map<String, String> seriesLabels, Map<String, String> labels, double value) {}

  /**
   * What a PromQL expression is now: one series per result, each of one point.
   *
   * @throws BackendException when Prometheus fails
   */
  public List<Series> query(String promQl) {
    List<Series> series = new ArrayList<>();
    for (JsonNode result : data("/api/v1/query", Map.of("query", promQl)).path("result")) {
      series.add(new Series(labels(result.path("metric")), List.of(point(result.path("value")))));
    }
    return series;
  }

  /**
   * The value of an expression with one result; empty when there is none (yet). NaN counts as none.
   */
  public OptionalDouble value(String promQl) {
    return query(promQl).stream()
        .mapToDouble(Series::value)
        .filter(v -> !Double.isNaN(v))
        .findFirst();
  }

  /** What a PromQL expression was over the last so long. */
  public List<Series> queryRange(String promQl, Duration since, Duration step) {
    Instant now = Instant.now();
    List<Series> series = new ArrayList<>();
    JsonNode data =
        data(
            "/api/v1/query_range",
            Map.of(
                "query", promQl,
                "start", Long.toString(now.minus(since).getEpochSecond()),
                "end", Long.toString(now.getEpochSecond()),
                "step", Long.toString(step.toSeconds())));
    for (JsonNode result : data.path("result")) {
      List<Point> points = new ArrayList<>();
      result.path("values").forEach(value -> points.add(point(value)));
      series.add(new Series(labels(result.path("metric")), points));
    }
    return series;
  }

  /** The exemplars of the series that a PromQL expression selects, of the last so long. */
  public List<Exemplar> exemplars(String promQl, Duration since) {
    Instant now = Instant.now();
    List<Exemplar> exemplars = new ArrayList<>();
    JsonNode data =
        data(
            "/api/v1/query_exemplars",
            Map.of(
                "query", promQl,
                "start", Long.toString(now.minus(since).getEpochSecond()),
                "end", Long.toString(now.getEpochSecond() + 1)));
    for (JsonNode series : data) {
      for (JsonNode exemplar : series.path("exemplars")) {
        exemplars.add(
            new Exemplar(
                labels(series.path("seriesLabels")),
                labels(exemplar.path("labels")),
                Double.parseDouble(exemplar.path("value").asText())));
      }
    }
    return exemplars;
  }

  private JsonNode data(String path, Map<String, String> parameters) {
    return http.get(path, parameters)
        .map(answer -> answer.path("data"))
        .orElseThrow(
            () -> new BackendException(http + " has no " + path + ": is it another server?", null));
  }

  private static Point point(JsonNode pair) {
    return new Point(pair.path(0).asDouble(), number(pair.path(1).asText()));
  }

  /** Prometheus writes infinity as +Inf and -Inf. */
  private static double number(String text) {
    return switch (text) {
      case "+Inf" -> Double.POSITIVE_INFINITY;
      case "-Inf" -> Double.NEGATIVE_INFINITY;
      default -> Double.parseDouble(text);
    };
  }

  private static Map<String, String> labels(JsonNode object) {
    Map<String, String> labels = new TreeMap<>();
    object.properties().forEach(label -> labels.put(label.getKey(), label.getValue().asText()));
    return labels;
  }
}
