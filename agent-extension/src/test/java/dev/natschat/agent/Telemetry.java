package dev.natschat.agent;

import static java.util.Comparator.comparing;
import static java.util.stream.Collectors.joining;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest;
import io.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.common.v1.AnyValue;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.logs.v1.LogRecord;
import io.opentelemetry.proto.logs.v1.ScopeLogs;
import io.opentelemetry.proto.metrics.v1.Metric;
import io.opentelemetry.proto.trace.v1.ScopeSpans;
import io.opentelemetry.proto.trace.v1.Span;
import io.opentelemetry.proto.trace.v1.Status;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/**
 * What the agent in this JVM exports, received over OTLP/HTTP and shown as text: one line per span,
 * children indented below their parents.
 */
final class Telemetry {
  private static final List<Span> received = new CopyOnWriteArrayList<>();
  private static final Set<String> fences = ConcurrentHashMap.newKeySet();
  private static final Tracer ofFences = GlobalOpenTelemetry.getTracer("fences");
  private static final List<Metric> metrics = new CopyOnWriteArrayList<>();
  private static final List<ScopeLogs> logs = new CopyOnWriteArrayList<>();

  static {
    try {
      int port = Integer.getInteger("otlp.port");
      HttpServer server =
          HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
      server.createContext(
          "/v1/traces",
          exchange -> {
            ExportTraceServiceRequest.parseFrom(exchange.getRequestBody().readAllBytes())
                .getResourceSpansList()
                .forEach(resource -> resource.getScopeSpansList().forEach(Telemetry::receive));
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
          });
      server.createContext(
          "/v1/metrics",
          exchange -> {
            ExportMetricsServiceRequest.parseFrom(exchange.getRequestBody().readAllBytes())
                .getResourceMetricsList()
                .forEach(
                    resource ->
                        resource
                            .getScopeMetricsList()
                            .forEach(scope -> metrics.addAll(scope.getMetricsList())));
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
          });
      server.createContext(
          "/v1/logs",
          exchange -> {
            ExportLogsServiceRequest.parseFrom(exchange.getRequestBody().readAllBytes())
                .getResourceLogsList()
                .forEach(resource -> logs.addAll(resource.getScopeLogsList()));
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
          });
      server.start();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private Telemetry() {}

  private static void receive(ScopeSpans scope) {
    if (scope.getScope().getName().equals("fences")) {
      scope.getSpansList().forEach(fence -> fences.add(fence.getName()));
    } else {
      received.addAll(scope.getSpansList());
    }
  }

  /** Forgets everything so far. */
  static void reset() {
    flush();
    received.clear();
    metrics.clear();
    logs.clear();
  }

  /** What a logger of a forked program said. */
  static List<LogRecord> logs(String logger) {
    return logs.stream()
        .filter(scope -> scope.getScope().getName().equals(logger))
        .flatMap(scope -> scope.getLogRecordsList().stream())
        .toList();
  }

  /** All spans that have ended. */
  static List<Span> spans() {
    flush();
    return received.stream().sorted(byTime()).toList();
  }

  /**
   * What was measured since the last reset: by attributes, the sum or the number of durations; of
   * what goes up and down, the last.
   */
  static Map<Map<String, Object>, Long> metric(String name) {
    flush();
    Map<Map<String, Object>, Long> points = new HashMap<>();
    for (Metric metric : metrics) {
      if (metric.getName().equals(name)) {
        metric
            .getSum()
            .getDataPointsList()
            .forEach(
                point ->
                    points.merge(
                        map(point.getAttributesList()),
                        point.getAsInt(),
                        metric.getSum().getIsMonotonic() ? Long::sum : (before, now) -> now));
        metric
            .getHistogram()
            .getDataPointsList()
            .forEach(
                point -> points.merge(map(point.getAttributesList()), point.getCount(), Long::sum));
      }
    }
    return points;
  }

  static Metric definition(String name) {
    flush();
    return metrics.stream().filter(metric -> metric.getName().equals(name)).findFirst().get();
  }

  static Span span(String name, Span.SpanKind kind) {
    List<Span> found =
        spans().stream().filter(s -> s.getName().equals(name) && s.getKind() == kind).toList();
    if (found.size() != 1) {
      throw new AssertionError(found.size() + " spans " + name + " " + kind + " in\n" + tree());
    }
    return found.get(0);
  }

  static Map<String, Object> attributes(Span span) {
    return map(span.getAttributesList());
  }

  private static Map<String, Object> map(List<KeyValue> list) {
    Map<String, Object> attributes = new TreeMap<>();
    for (KeyValue attribute : list) {
      if (!attribute.getKey().startsWith("thread.")) {
        attributes.put(attribute.getKey(), value(attribute.getValue()));
      }
    }
    return attributes;
  }

  /** All traces as text, in the order in which they began. */
  static String tree() {
    List<Span> spans = spans();
    StringBuilder text = new StringBuilder();
    for (Span span : spans) {
      if (spans.stream().noneMatch(parent -> isChild(span, parent))) {
        append(text, span, spans, span.getParentSpanId().isEmpty() ? "" : "ORPHAN ");
      }
    }
    return text.toString();
  }

  private static void append(StringBuilder text, Span span, List<Span> all, String indent) {
    text.append(indent).append(line(span, all)).append('\n');
    for (Span child : all) {
      if (isChild(child, span)) {
        append(text, child, all, indent + "  ");
      }
    }
  }

  private static String line(Span span, List<Span> all) {
    Map<String, Object> attributes = attributes(span);
    StringBuilder line = new StringBuilder(span.getName());
    if (span.getKind() != Span.SpanKind.SPAN_KIND_INTERNAL) {
      line.append(' ').append(span.getKind().name().substring("SPAN_KIND_".length()));
    }
    if (span.getStatus().getCode() == Status.StatusCode.STATUS_CODE_ERROR) {
      line.append(" ERROR ").append(attributes.get("error.type"));
    }
    if (attributes.containsKey("messaging.batch.message_count")) {
      line.append(" batch of ").append(attributes.get("messaging.batch.message_count"));
    }
    if (attributes.containsKey("messaging.nats.outcome")) {
      line.append(' ').append(attributes.get("messaging.nats.outcome"));
    }
    if (span.getLinksCount() > 0) {
      line.append(
          span.getLinksList().stream()
              .map(link -> nameOf(link, all))
              .collect(joining(", ", " ~> ", "")));
    }
    return line.toString();
  }

  private static String nameOf(Span.Link link, List<Span> all) {
    return all.stream()
        .filter(s -> s.getSpanId().equals(link.getSpanId()))
        .map(
            s -> attributes(s).containsKey("messaging.batch.message_count") ? "batch" : s.getName())
        .findFirst()
        .orElse("nowhere");
  }

  private static boolean isChild(Span child, Span parent) {
    ByteString parentId = child.getParentSpanId();
    return parentId.equals(parent.getSpanId()) && child.getTraceId().equals(parent.getTraceId());
  }

  private static Comparator<Span> byTime() {
    return comparing(Span::getStartTimeUnixNano).thenComparing(Span::getEndTimeUnixNano);
  }

  private static Object value(AnyValue value) {
    return switch (value.getValueCase()) {
      case STRING_VALUE -> value.getStringValue();
      case INT_VALUE -> value.getIntValue();
      case BOOL_VALUE -> value.getBoolValue();
      case ARRAY_VALUE ->
          value.getArrayValue().getValuesList().stream().map(Telemetry::value).toList();
      default -> value.toString();
    };
  }

  /**
   * Until all spans that have ended are here. The SDK's flush alone may return at once: it takes
   * one that has just been answered for its own. Spans are exported in the order of their end.
   */
  private static void flush() {
    String fence = UUID.randomUUID().toString();
    ofFences.spanBuilder(fence).setNoParent().startSpan().end();
    await()
        .pollDelay(Duration.ZERO)
        .until(
            () -> {
              forceFlush();
              return fences.remove(fence);
            });
  }

  /** The agent's own door for tests; it sits in the boot class path. */
  private static void forceFlush() {
    try {
      Class.forName("io.opentelemetry.javaagent.bootstrap.OpenTelemetrySdkAccess", true, null)
          .getMethod("forceFlush", long.class, TimeUnit.class)
          .invoke(null, 10L, TimeUnit.SECONDS);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("The tests' JVM has no agent: run them with mvn verify", e);
    }
  }
}
