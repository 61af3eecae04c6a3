package dev.natschat.observer;

import static dev.natschat.observer.HopMetric.DROPPED;
import static dev.natschat.observer.HopMetric.EXPORTED;
import static dev.natschat.observer.HopMetric.FAILED;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;

/**
 * Hands spans to an exporter in batches. What an exporter that is slow or away does not take is
 * dropped, whole messages at a time. For one thread.
 */
final class HopExport implements AutoCloseable {
  private static final int BATCH = 1024;
  private static final long LONGEST_WAIT = Duration.ofMillis(200).toNanos();
  private static final int MAX_WAITING = 8 * BATCH;
  private static final int MAX_UNDER_WAY = 4;
  private static final Duration AT_THE_END = Duration.ofSeconds(3);

  private final SpanExporter exporter;
  private final HopMetrics metrics;
  private final LongSupplier nanoTime;
  private final AtomicInteger underWay = new AtomicInteger();
  private List<SpanData> waiting = new ArrayList<>();
  private long waitingSince;

  HopExport(SpanExporter exporter, HopMetrics metrics, LongSupplier nanoTime) {
    this.exporter = exporter;
    this.metrics = metrics;
    this.nanoTime = nanoTime;
  }

  void add(List<HopSpan> ofOneMessage) {
    if (!waiting.isEmpty() && waiting.size() + ofOneMessage.size() > MAX_WAITING) {
      metrics.count(DROPPED, 1, HopMetrics.EXPORT);
      return;
    }
    if (waiting.isEmpty()) {
      waitingSince = nanoTime.getAsLong();
    }
    waiting.addAll(ofOneMessage);
  }

  /** To be called often. */
  void exportWhatIsDue() {
    boolean due =
        waiting.size() >= BATCH
            || (!waiting.isEmpty() && nanoTime.getAsLong() - waitingSince >= LONGEST_WAIT);
    if (due && underWay.get() < MAX_UNDER_WAY) {
      export();
    }
  }

  private CompletableResultCode export() {
    List<SpanData> batch = waiting;
    waiting = new ArrayList<>();
    underWay.incrementAndGet();
    CompletableResultCode result = exporter.export(batch);
    return result.whenComplete(
        () -> {
          underWay.decrementAndGet();
          metrics.count(result.isSuccess() ? EXPORTED : FAILED, batch.size());
        });
  }

  @Override
  public void close() {
    if (!waiting.isEmpty()) {
      export().join(AT_THE_END.toMillis(), TimeUnit.MILLISECONDS);
    }
    exporter.flush().join(AT_THE_END.toMillis(), TimeUnit.MILLISECONDS);
    exporter.shutdown();
  }
}
