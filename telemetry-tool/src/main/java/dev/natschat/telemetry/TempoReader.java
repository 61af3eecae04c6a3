package dev.natschat.telemetry;

import static java.util.Comparator.comparing;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Tempo's HTTP API (grafana.com/docs/tempo/latest/api_docs): traces as OTLP in proto3 JSON, whose
 * ids are base64 (the OTLP/JSON of the specification has hexadecimal ones; both are read), search
 * by TraceQL.
 */
final class TempoReader implements TraceReader {
  private final HttpJson http;

  TempoReader(HttpJson http) {
    this.http = http;
  }

  @Override
  public String source() {
    return http.toString();
  }

  @Override
  public Optional<Trace> trace(String id) {
    String normalized = Trace.normalizeId(id);
    return http.get("/api/traces/" + normalized, Map.of())
        .flatMap(answer -> toTrace(normalized, answer));
  }

  @Override
  public List<String> search(TraceQuery query) {
    Instant now = Instant.now();
    return http
        .get(
            "/api/search",
            Map.of(
                "q", traceQl(query),
                "start", Long.toString(now.minus(query.since()).getEpochSecond()),
                "end", Long.toString(now.getEpochSecond() + 1),
                "limit", Integer.toString(query.limit())))
        .stream()
        .flatMap(answer -> StreamSupport.stream(answer.path("traces").spliterator(), false))
        .sorted(
            comparing(
                    (JsonNode trace) -> new BigInteger(trace.path("startTimeUnixNano").asText("0")))
                .reversed())
        .map(trace -> Trace.normalizeId(trace.path("traceID").asText()))
        .toList();
  }

  static String traceQl(TraceQuery query) {
    List<String> conditions = new ArrayList<>();
    if (query.service() != null) {
      conditions.add("resource.service.name = " + quoted(query.service()));
    }
    if (query.spanName() != null) {
      conditions.add("name = " + quoted(query.spanName()));
    }
    query
        .attributes()
        .forEach((key, value) -> conditions.add("span." + key + " = " + quoted(value)));
    return "{ " + String.join(" && ", conditions) + " } with (most_recent=true)";
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  static Optional<Trace> toTrace(String id, JsonNode answer) {
    JsonNode trace = answer.has("trace") ? answer.path("trace") : answer;
    List<Span> spans = new ArrayList<>();
    Stream.of("batches", "resourceSpans")
        .flatMap(key -> StreamSupport.stream(trace.path(key).spliterator(), false))
        .forEach(
            resourceSpans -> {
              Map<String, String> resource =
                  attributes(resourceSpans.path("resource").path("attributes"));
              String service = resource.getOrDefault("service.name", "");
              resource.remove("service.name");
              for (JsonNode scopeSpans : resourceSpans.path("scopeSpans")) {
                String scope = scopeSpans.path("scope").path("name").asText();
                for (JsonNode span : scopeSpans.path("spans")) {
                  spans.add(toSpan(id, service, resource, scope, span));
                }
              }
            });
    return spans.isEmpty() ? Optional.empty() : Optional.of(new Trace(id, spans));
  }

  private static Span toSpan(
      String traceId, String service, Map<String, String> resource, String scope, JsonNode span) {
    Map<String, String> attributes = new TreeMap<>(resource);
    attributes.putAll(attributes(span.path("attributes")));
    List<Span.Event> events = new ArrayList<>();
    for (JsonNode event : span.path("events")) {
      events.add(new Span.Event(event.path("name").asText(), attributes(event.path("attributes"))));
    }
    List<Span.Link> links = new ArrayList<>();
    for (JsonNode link : span.path("links")) {
      links.add(
          new Span.Link(
              Trace.normalizeId(hex(link.path("traceId").asText())),
              hex(link.path("spanId").asText())));
    }
    String parentId = hex(span.path("parentSpanId").asText());
    long start = span.path("startTimeUnixNano").asLong();
    JsonNode status = span.path("status");
    String statusCode = status.path("code").asText();
    return new Span(
        traceId,
        hex(span.path("spanId").asText()),
        parentId.isEmpty() ? null : parentId,
        service,
        scope,
        span.path("name").asText(),
        kind(span.path("kind").asText()),
        start,
        span.path("endTimeUnixNano").asLong() - start,
        statusCode.equals("STATUS_CODE_ERROR") || statusCode.equals("2"),
        status.path("message").asText(),
        attributes,
        events,
        links);
  }

  /** By name or by number: proto3 JSON readers accept both, so writers may use both. */
  private static Span.Kind kind(String kind) {
    return switch (kind) {
      case "SPAN_KIND_SERVER", "2" -> Span.Kind.SERVER;
      case "SPAN_KIND_CLIENT", "3" -> Span.Kind.CLIENT;
      case "SPAN_KIND_PRODUCER", "4" -> Span.Kind.PRODUCER;
      case "SPAN_KIND_CONSUMER", "5" -> Span.Kind.CONSUMER;
      default -> Span.Kind.INTERNAL;
    };
  }

  /** An id of 8 or 16 bytes: 16 or 32 hexadecimal digits, or base64 of 12 or 24 characters. */
  private static String hex(String id) {
    return id.length() % 16 == 0 ? id : HexFormat.of().formatHex(Base64.getDecoder().decode(id));
  }

  private static Map<String, String> attributes(JsonNode list) {
    Map<String, String> attributes = new TreeMap<>();
    list.forEach(a -> attributes.put(a.path("key").asText(), text(a.path("value"))));
    return attributes;
  }

  private static String text(JsonNode value) {
    JsonNode inner = value.elements().hasNext() ? value.elements().next() : value;
    if (!value.has("arrayValue")) {
      return inner.isValueNode() ? inner.asText() : inner.toString();
    }
    List<String> items = new ArrayList<>();
    inner.path("values").forEach(item -> items.add('"' + text(item) + '"'));
    return "[" + String.join(",", items) + "]"; // as Zipkin has it
  }
}
