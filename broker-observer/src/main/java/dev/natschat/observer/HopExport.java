package dev.natschat.observer;

import static dev.natschat.observer.HopMetric.DROPPED;
import static dev.natschat.observer.HopMetric.EXPORTED;
import static dev.natschat.observer.HopMetric.FAILED;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands spans to an exporter in batches, one after the other, on a thread of its own: the SDK's
 * batch processor does it, as in every service. What waits for an exporter that is slow or away is
 * bounded; what does not fit is dropped here, whole messages at a time.
 */
final class HopExport implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(HopExport.class);

  /**
   * Spans, the ones that are being exported included. A heap of 84 MiB, the smallest it is run
   * with, holds them without one full collection more ({@code make bench-dead-telemetry}).
   */
  static final int MAX_WAITING = 32 * 1024;

  /** Ours takes 8 MB (collector/config.yaml): so a span may have 32 KB, three subjects of 10 KB. */
  static final int BATCH = 256;

  private static final Duration LONGEST_WAIT = Duration.ofMillis(200);

  /**
   * The agent shuts down when this process has closed, after 10 s at most (agent-extension's {@code
   * Exit}). The rest takes up to 7 s: the reader of hops 2 s, the servers' logs 3 s, a round of
   * questions 2 s.
   */
  private static final Duration AT_THE_END = Duration.ofSeconds(2);

  private final HopMetrics metrics;
  private final AtomicInteger waiting = new AtomicInteger();
  private final BatchSpanProcessor processor;

  HopExport(SpanExporter exporter, HopMetrics metrics) {
    this.metrics = metrics;
    this.processor =
        BatchSpanProcessor.builder(new Counting(exporter))
            .setMeterProvider(GlobalOpenTelemetry::getMeterProvider)
            .setMaxQueueSize(MAX_WAITING)
            .setMaxExportBatchSize(BATCH)
            .setScheduleDelay(LONGEST_WAIT)
            .build();
  }

  /** Never waits. */
  void add(List<HopSpan> ofOneMessage) {
    if (waiting.addAndGet(ofOneMessage.size()) > MAX_WAITING) {
      waiting.addAndGet(-ofOneMessage.size());
      metrics.count(DROPPED, 1, HopMetrics.EXPORT);
    } else {
      ofOneMessage.forEach(processor::onEnd);
    }
  }

  /** Exports what waits, if it is accepted soon. */
  @Override
  public void close() {
    processor.shutdown().join(AT_THE_END.toMillis(), TimeUnit.MILLISECONDS);
    if (waiting.get() > 0) {
      log.warn("{} spans of hops were not accepted before the end and are lost", waiting);
    }
  }

  private final class Counting implements SpanExporter {
    private final SpanExporter exporter;

    Counting(SpanExporter exporter) {
      this.exporter = exporter;
    }

    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      int count = spans.size();
      CompletableResultCode result = exporter.export(spans);
      return result.whenComplete(
          () -> {
            waiting.addAndGet(-count);
            metrics.count(result.isSuccess() ? EXPORTED : FAILED, count);
          });
    }

    @Override
    public CompletableResultCode flush() {
      return exporter.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return exporter.shutdown();
    }
  }
}
