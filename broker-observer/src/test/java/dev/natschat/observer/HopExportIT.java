package dev.natschat.observer;

import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.grpc.Status;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.LongPointData;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.testing.exporter.InMemoryMetricReader;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What becomes of hops when the Collector is away, hangs, or refuses them. */
@SuppressWarnings("try") // nobody interrupts the collector
class HopExportIT {
  private static final int OF_A_MESSAGE = 3;
  private static final String ENDPOINT = "otel.exporter.otlp.endpoint";

  /** As long the exporter tries by itself. */
  private static final String TIMEOUT = "otel.exporter.otlp.timeout";

  private final InMemoryMetricReader reader = InMemoryMetricReader.create();
  private final SdkMeterProvider provider =
      SdkMeterProvider.builder().registerMetricReader(reader).build();
  private final OtlpReceiver collector = new OtlpReceiver();
  private final HopExport export;
  private int made;

  HopExportIT() throws IOException {
    System.setProperty(ENDPOINT, collector.endpoint());
    System.setProperty(TIMEOUT, "1000");
    export =
        new HopExport(Exporters.fromEnvironment().spans(), new HopMetrics(provider.get("test")));
    System.clearProperty(ENDPOINT);
    System.clearProperty(TIMEOUT);
  }

  @AfterEach
  void close() throws InterruptedException {
    collector.answer = names -> Status.OK;
    export.close();
    collector.close();
    provider.close();
  }

  @Test
  void noneIsLostWhileTheCollectorIsAway() throws Exception {
    add(1000, "");
    await().pollDelay(Duration.ofSeconds(3)).until(() -> true); // it has given up, by itself
    add(1000, "");
    assertThat(count(HopMetric.EXPORTED)).isZero();
    collector.start();
    awaitAll();

    assertThat(count(HopMetric.FAILED)).isZero();
    assertThat(count(HopMetric.DROPPED, HopMetrics.EXPORT)).isZero();
  }

  @Test
  void noneIsLostWhenACollectorHangsAndNobodyWaitsForIt() throws Exception {
    Semaphore hanging = new Semaphore(0);
    collector.answer = names -> hanging.tryAcquire() ? Status.OK : null;
    collector.start();
    add(2000, "");
    eventually().until(() -> collector.exports.get() > 1); // the first batch once more
    add(2000, "");
    hanging.release(1_000_000);
    awaitAll();

    assertThat(count(HopMetric.FAILED)).isZero();
  }

  /** A batch that waits holds up all others: there is one export at a time. */
  @Test
  void whatDoesNotFitIsDroppedByTheMessage() throws Exception {
    int fit = HopExport.MAX_WAITING / OF_A_MESSAGE;
    add(fit + 500, "");

    assertThat(count(HopMetric.DROPPED, HopMetrics.EXPORT)).isEqualTo(500);
    made = fit * OF_A_MESSAGE;
    collector.start();
    awaitAll();

    // As many fit once more: what was dropped takes no place.
    collector.answer = names -> Status.UNAVAILABLE;
    add(fit, "");
    collector.answer = names -> Status.OK;
    awaitAll();
    assertThat(count(HopMetric.DROPPED, HopMetrics.EXPORT)).isEqualTo(500);
  }

  @Test
  void whatIsRefusedForGoodIsLostAndHoldsUpNothing() throws Exception {
    collector.answer = names -> names.contains("number 2") ? Status.INVALID_ARGUMENT : Status.OK;
    collector.start();
    add(1, "");
    eventually().until(() -> count(HopMetric.FAILED) == OF_A_MESSAGE);
    add(1, "");
    eventually().until(() -> count(HopMetric.EXPORTED) == OF_A_MESSAGE);

    assertThat(Set.copyOf(collector.spans)).isEqualTo(Set.of("number 3", "number 4", "number 5"));
    assertThat(count(HopMetric.FAILED)).isEqualTo(OF_A_MESSAGE);
  }

  /** 4 KB is the longest, and an error's text names it again. */
  @Test
  void aBatchOfTheLongestSubjectsIsNotTooLargeForACollector() throws Exception {
    add(HopExport.BATCH, "s".repeat(4096));
    collector.start();
    awaitAll();

    assertThat(collector.largest).hasValue(HopExport.BATCH);
  }

  @Test
  void whatWaitsAtTheEndIsExported() throws Exception {
    connectTo(collector);
    add(1000, "");
    export.close();

    assertThat(Set.copyOf(collector.spans)).isEqualTo(numbers());
  }

  @Test
  void theEndComesAlthoughTheCollectorHangs() throws Exception {
    connectTo(collector);
    int before = collector.exports.get();
    collector.answer = names -> null;
    add(1000, "");
    export.close();

    assertThat(Set.copyOf(collector.spans)).hasSize(OF_A_MESSAGE);
    assertThat(collector.exports).hasValueGreaterThan(before);
  }

  /** So that the end, which waits 2 s, need not wait for the first export's classes as well. */
  private void connectTo(OtlpReceiver collector) throws IOException {
    collector.start();
    add(1, "");
    awaitAll();
  }

  private void awaitAll() {
    eventually().untilAsserted(() -> assertThat(Set.copyOf(collector.spans)).isEqualTo(numbers()));
    eventually().until(() -> count(HopMetric.EXPORTED) == made);
  }

  private Set<String> numbers() {
    return IntStream.range(0, made).mapToObj(i -> "number " + i).collect(toSet());
  }

  private void add(int messages, String subject) {
    for (int i = 0; i < messages; i++) {
      export.add(List.of(span(subject), span(subject), span(subject)));
    }
  }

  private HopSpan span(String subject) {
    int number = made++;
    return new HopSpan(
        Resource.empty(),
        String.format("%032x", number / OF_A_MESSAGE + 1),
        String.format("%016x", number + 1),
        "b7ad6b7169203331",
        "number " + number,
        SpanKind.INTERNAL,
        1,
        2,
        subject,
        Attributes.of(HopSpans.DESTINATION, subject, HopSpans.SUBSCRIPTION, subject));
  }

  private static ConditionFactory eventually() {
    return await().atMost(Duration.ofSeconds(60));
  }

  private long count(HopMetric metric) {
    return count(metric, Attributes.empty());
  }

  private long count(HopMetric metric, Attributes of) {
    return reader.collectAllMetrics().stream()
        .filter(data -> data.getName().equals(metric.instrument))
        .flatMap(data -> data.getLongSumData().getPoints().stream())
        .filter(point -> point.getAttributes().equals(of))
        .mapToLong(LongPointData::getValue)
        .sum();
  }
}
