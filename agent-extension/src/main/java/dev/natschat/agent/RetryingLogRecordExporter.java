package dev.natschat.agent;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import java.time.Duration;
import java.util.Collection;

final class RetryingLogRecordExporter implements LogRecordExporter {
  private final LogRecordExporter exporter;
  private final RetryUntilAccepted<LogRecordData> retry;

  private RetryingLogRecordExporter(
      LogRecordExporter exporter, RetryUntilAccepted<LogRecordData> retry) {
    this.exporter = exporter;
    this.retry = retry;
  }

  static LogRecordExporter untilExit(LogRecordExporter exporter, Duration timeout) {
    return new RetryingLogRecordExporter(
        exporter, RetryUntilAccepted.untilExit("logs", exporter::export, timeout));
  }

  static LogRecordExporter untilInterrupted(LogRecordExporter exporter, Duration timeout) {
    return new RetryingLogRecordExporter(
        exporter, RetryUntilAccepted.untilInterrupted("logs", exporter::export, timeout));
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
