package dev.natschat.observer;

import static org.awaitility.Awaitility.await;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.DoublePointData;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.data.MetricDataType;
import io.opentelemetry.sdk.testing.exporter.InMemoryMetricReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.assertj.core.api.Assertions;
import org.awaitility.core.ThrowingRunnable;
import org.jspecify.annotations.Nullable;

/** An observer, and what it would export. */
final class Observed implements AutoCloseable {
  private final InMemoryMetricReader reader = InMemoryMetricReader.create();
  private final SdkMeterProvider provider =
      SdkMeterProvider.builder().registerMetricReader(reader).build();
  private final BrokerObserver observer;

  Observed(String natsUrl, @Nullable Path healthFile) throws InterruptedException {
    Config config =
        new Config(
            natsUrl,
            "broker-observer",
            "test-only",
            Duration.ofSeconds(1),
            false,
            Map.of(),
            healthFile);
    observer = new BrokerObserver(config, provider.get("test"));
  }

  /** Every series of a metric as it is now, with its value. */
  Map<Attributes, Double> series(Metric metric) {
    return reader.collectAllMetrics().stream()
        .filter(data -> data.getName().equals(metric.instrument))
        .peek(data -> Assertions.assertThat(data.getUnit()).isEqualTo(metric.unit))
        .flatMap(data -> points(data).stream())
        .collect(Collectors.toMap(DoublePointData::getAttributes, DoublePointData::getValue));
  }

  private static java.util.Collection<DoublePointData> points(MetricData data) {
    return data.getType() == MetricDataType.DOUBLE_GAUGE
        ? data.getDoubleGaugeData().getPoints()
        : data.getDoubleSumData().getPoints();
  }

  /** Of all instruments. */
  List<String> names() {
    return reader.collectAllMetrics().stream().map(MetricData::getName).toList();
  }

  /** NaN when there is no such series. */
  double value(Metric metric, Attributes of) {
    return series(metric).getOrDefault(of, Double.NaN);
  }

  void awaitValue(Metric metric, Attributes of, double expected) {
    awaitValue(metric, of, value -> value == expected);
  }

  /** Returns it. */
  double awaitValue(Metric metric, Attributes of, Predicate<Double> expected) {
    return await(metric + " of " + of)
        .atMost(Duration.ofMinutes(2))
        .until(() -> value(metric, of), expected);
  }

  /**
   * Until a round has shown what this server says that began after now: what happened before is in
   * it. The server's own answers move what it has sent; one round may be under way.
   */
  void awaitNextRound(Attributes server) {
    for (int i = 0; i < 2; i++) {
      double before = awaitValue(Metric.SERVER_MESSAGES_SENT, server, value -> value >= 0);
      awaitValue(Metric.SERVER_MESSAGES_SENT, server, value -> value > before);
    }
  }

  void awaitSeries(Metric metric, Map<Attributes, Double> expected) {
    awaitAsserted(() -> Assertions.assertThat(series(metric)).isEqualTo(expected));
  }

  /**
   * What holds of one round need not hold of the one before: a server may answer one question half
   * a second after the others, or while it counts.
   */
  void awaitAsserted(ThrowingRunnable assertions) {
    await("a round").atMost(Duration.ofMinutes(2)).untilAsserted(assertions);
  }

  @Override
  public void close() {
    observer.close();
    provider.close();
  }
}
