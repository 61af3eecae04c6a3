package dev.natschat.observer;

import static org.awaitility.Awaitility.await;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.LongPointData;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.testing.exporter.InMemoryMetricReader;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.data.SpanData;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** The part of an observer that reads trace events, and what it has exported. */
final class ObservedHops implements AutoCloseable {
  private final InMemoryMetricReader reader = InMemoryMetricReader.create();
  private final SdkMeterProvider provider =
      SdkMeterProvider.builder().registerMetricReader(reader).build();
  private final InMemorySpanExporter exporter = InMemorySpanExporter.create();
  private final Hops hops;

  ObservedHops(String natsUrl) {
    Config config =
        new Config(
            natsUrl, "broker-observer", "test-only", Duration.ofSeconds(1), true, Map.of(), null);
    hops =
        new Hops(
            config,
            new HopMetrics(provider.get("test")),
            Resource.create(
                Attributes.builder()
                    .put("service.name", "broker-observer")
                    .put("service.namespace", "nats-chat")
                    .build()),
            exporter);
    await("reading").atMost(Duration.ofSeconds(30)).until(hops::isReading);
  }

  List<SpanData> spans() {
    return exporter.getFinishedSpanItems();
  }

  List<SpanData> spansOf(String traceId) {
    return spans().stream()
        .filter(span -> span.getTraceId().equals(traceId))
        .sorted(Comparator.comparing(SpanData::getStartEpochNanos))
        .toList();
  }

  /** Once there are so many. */
  List<SpanData> awaitSpansOf(String traceId, int count) {
    return await("spans of " + traceId)
        .atMost(Duration.ofSeconds(30))
        .until(() -> spansOf(traceId), spans -> spans.size() >= count);
  }

  /**
   * Every span below the one above it, such as {@code ingress client@n1 > egress route@n1}; the
   * publisher is {@code publish}, and what is not there {@code ?}.
   */
  List<String> edges(String traceId, String publisher) {
    List<SpanData> spans = spansOf(traceId);
    Map<String, String> names =
        spans.stream()
            .collect(Collectors.toMap(SpanData::getSpanId, ObservedHops::name, (a, b) -> a));
    Set<String> ids = new HashSet<>();
    return spans.stream()
        .filter(span -> ids.add(span.getSpanId()))
        .map(
            span ->
                (span.getParentSpanId().equals(publisher)
                        ? "publish"
                        : names.getOrDefault(span.getParentSpanId(), "?"))
                    + " > "
                    + name(span))
        .toList();
  }

  private static String name(SpanData span) {
    return span.getName() + "@" + span.getAttributes().get(HopSpans.SERVER);
  }

  long count(HopMetric metric, Attributes of) {
    return reader.collectAllMetrics().stream()
        .filter(data -> data.getName().equals(metric.instrument))
        .flatMap(data -> data.getLongSumData().getPoints().stream())
        .filter(point -> point.getAttributes().equals(of))
        .mapToLong(LongPointData::getValue)
        .sum();
  }

  long count(HopMetric metric) {
    return count(metric, Attributes.empty());
  }

  void awaitCount(HopMetric metric, Attributes of, long expected) {
    await(metric + " of " + of)
        .atMost(Duration.ofSeconds(30))
        .until(() -> count(metric, of), count -> count == expected);
  }

  @Override
  public void close() {
    try {
      hops.stop();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    provider.close();
  }
}
