package dev.natschat.agent;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import java.time.Duration;
import java.util.Collection;

final class RetryingLogRecordExporter implements LogRecordExporter {
  private final LogRecordExporter exporter;
  private final RetryUntilAccepted<LogRecordData> retry;

  RetryingLogRecordExporter(LogRecordExporter exporter, Duration timeout) {
    this.exporter = exporter;
    retry = new RetryUntilAccepted<>("logs", exporter::export, timeout);
  }

  @Override
  public CompletableResultCode export(Collection<LogRecordData> records) {
    return retry.export(records);
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
    return "RetryingLogRecordExporter{" + exporter + "}";
  }
}
