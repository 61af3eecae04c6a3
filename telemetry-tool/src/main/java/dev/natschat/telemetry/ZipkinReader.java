package dev.natschat.telemetry;

import static java.util.Comparator.comparingLong;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/**
 * Zipkin's API v2 (zipkin.io/zipkin-api), with spans as the Collector's zipkin exporter writes
 * them: links are tags {@code otlp.link.N} = {@code trace|span|state|attributes|dropped}, events
 * are annotations {@code name|attributes|dropped}, INTERNAL is no kind, an error is the tag {@code
 * otel.status_code}.
 */
final class ZipkinReader implements TraceReader {
  private static final String LINK = "otlp.link.";

  /** As the Collector 0.161 writes it, and as OpenTelemetry's mapping to Zipkin has it. */
  private static final Set<String> ERROR_CODES = Set.of("STATUS_CODE_ERROR", "Error", "ERROR");

  private final HttpJson http;

  ZipkinReader(HttpJson http) {
    this.http = http;
  }

  @Override
  public String source() {
    return http.toString();
  }

  @Override
  public Optional<Trace> trace(String id) {
    String normalized = Trace.normalizeId(id);
    return http.get("/api/v2/trace/" + normalized, Map.of())
        .filter(spans -> !spans.isEmpty())
        .map(ZipkinReader::toTrace);
  }

  @Override
  public List<String> search(TraceQuery query) {
    Map<String, String> parameters = new LinkedHashMap<>();
    if (query.service() != null) {
      parameters.put("serviceName", query.service().toLowerCase(Locale.ROOT));
    }
    if (query.spanName() != null) {
      parameters.put("spanName", query.spanName().toLowerCase(Locale.ROOT));
    }
    if (!query.attributes().isEmpty()) {
      parameters.put(
          "annotationQuery",
          query.attributes().entrySet().stream()
              .map(a -> a.getKey() + "=" + a.getValue())
              .collect(Collectors.joining(" and ")));
    }
    parameters.put("lookback", Long.toString(query.since().toMillis()));
    parameters.put("limit", Integer.toString(query.limit()));
    return http.get("/api/v2/traces", parameters).stream()
        .flatMap(traces -> StreamSupport.stream(traces.spliterator(), false))
        .filter(spans -> !spans.isEmpty())
        .map(ZipkinReader::toTrace)
        .sorted(comparingLong(Trace::startNanos).reversed())
        .map(Trace::id)
        .toList();
  }

  static Trace toTrace(JsonNode spans) {
    List<Span> read = new ArrayList<>();
    spans.forEach(span -> read.add(toSpan(span)));
    return new Trace(read.get(0).traceId(), read);
  }

  private static Span toSpan(JsonNode span) {
    Map<String, String> attributes = new TreeMap<>();
    TreeMap<Integer, Span.Link> links = new TreeMap<>();
    span.path("tags")
        .properties()
        .forEach(
            tag -> {
              String value = tag.getValue().asText();
              if (tag.getKey().startsWith(LINK)) {
                links.put(Integer.valueOf(tag.getKey().substring(LINK.length())), toLink(value));
              } else {
                attributes.put(tag.getKey(), value);
              }
            });
    boolean error = ERROR_CODES.contains(String.valueOf(attributes.remove("otel.status_code")));
    attributes.remove("error");
    attributes.remove("span.kind");
    String description = attributes.remove("otel.status_description");
    String library = attributes.remove("otel.library.name");
    String scope = attributes.remove("otel.scope.name");
    return new Span(
        Trace.normalizeId(span.path("traceId").asText()),
        span.path("id").asText(),
        span.hasNonNull("parentId") ? span.path("parentId").asText() : null,
        span.path("localEndpoint").path("serviceName").asText(),
        scope != null ? scope : library != null ? library : "",
        span.path("name").asText(),
        span.hasNonNull("kind")
            ? Span.Kind.valueOf(span.path("kind").asText())
            : Span.Kind.INTERNAL,
        span.path("timestamp").asLong() * 1_000,
        span.path("duration").asLong() * 1_000,
        error,
        description == null ? "" : description,
        attributes,
        toEvents(span.path("annotations")),
        List.copyOf(links.values()));
  }

  private static Span.Link toLink(String tag) {
    String[] parts = tag.split("\\|", 3);
    return new Span.Link(Trace.normalizeId(parts[0]), parts[1]);
  }

  private static List<Span.Event> toEvents(JsonNode annotations) {
    List<Span.Event> events = new ArrayList<>();
    for (JsonNode annotation : annotations) {
      String value = annotation.path("value").asText();
      int bar = value.indexOf('|');
      int lastBar = value.lastIndexOf('|');
      if (bar > 0 && lastBar > bar) {
        events.add(
            new Span.Event(value.substring(0, bar), textFields(value.substring(bar + 1, lastBar))));
      } else {
        events.add(new Span.Event(value, Map.of()));
      }
    }
    return events;
  }

  private static Map<String, String> textFields(String json) {
    Map<String, String> fields = new TreeMap<>();
    try {
      HttpJson.JSON
          .readTree(json)
          .properties()
          .forEach(f -> fields.put(f.getKey(), f.getValue().asText()));
    } catch (JsonProcessingException e) {
      fields.put("text", json); // an annotation of somebody else's that happens to hold two bars
    }
    return fields;
  }
}
