package dev.natschat.observer;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;

/**
 * Leaves out what Loki would refuse for its age, and looks again at each attempt: a record may grow
 * too old while the Collector is away.
 */
final class RecentLogRecords implements LogRecordExporter {
  /** Loki refuses what is older than a day (reject_old_samples_max_age), all of its batch. */
  private static final Duration TOO_OLD = Duration.ofHours(23);

  private final LogRecordExporter exporter;

  RecentLogRecords(LogRecordExporter exporter) {
    this.exporter = exporter;
  }

  @Override
  public CompletableResultCode export(Collection<LogRecordData> records) {
    Instant oldest = Instant.now().minus(TOO_OLD);
    List<LogRecordData> recent = records.stream().filter(r -> time(r).isAfter(oldest)).toList();
    return recent.isEmpty() ? CompletableResultCode.ofSuccess() : exporter.export(recent);
  }

  private static Instant time(LogRecordData record) {
    return Instant.ofEpochSecond(0, record.getTimestampEpochNanos());
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
