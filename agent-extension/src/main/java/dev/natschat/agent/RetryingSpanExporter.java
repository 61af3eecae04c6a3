package dev.natschat.agent;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.Collection;

final class RetryingSpanExporter implements SpanExporter {
  private final SpanExporter exporter;
  private final RetryUntilAccepted<SpanData> retry;

  RetryingSpanExporter(SpanExporter exporter, Duration timeout) {
    this.exporter = exporter;
    retry = RetryUntilAccepted.untilExit("traces", exporter::export, timeout);
  }

  @Override
  public CompletableResultCode export(Collection<SpanData> spans) {
    return retry.export(spans);
  }

  @Override
  public CompletableResultCode flush() {
    return exporter.flush();
  }

  @Override
  public CompletableResultCode shutdown() {
    return exporter.shutdown();
  }

  @Override
  public String toString() {
    return "RetryingSpanExporter{" + exporter + "}";
  }
}
