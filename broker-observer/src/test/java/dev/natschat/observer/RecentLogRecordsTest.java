package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.testing.exporter.InMemoryLogRecordExporter;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RecentLogRecordsTest {
  private final InMemoryLogRecordExporter exported = InMemoryLogRecordExporter.create();
  private final RecentLogRecords recent = new RecentLogRecords(exported);

  @Test
  void whatLokiWouldRefuseForItsAgeIsLeftOut() {
    LogRecordData young = ofAge(Duration.ofHours(22));
    assertThat(recent.export(List.of(ofAge(Duration.ofHours(24)), young)).isSuccess()).isTrue();
    assertThat(exported.getFinishedLogRecordItems()).containsExactly(young);
  }

  @Test
  void noExportOfNothing() {
    assertThat(exported.shutdown().isSuccess()).isTrue(); // now it refuses whatever comes
    assertThat(recent.export(List.of(ofAge(Duration.ofHours(24)))).isSuccess()).isTrue();
    assertThat(recent.export(List.of(ofAge(Duration.ofHours(22)))).isSuccess()).isFalse();
  }

  private static LogRecordData ofAge(Duration age) {
    long nanos = TimeUnit.MILLISECONDS.toNanos(Instant.now().minus(age).toEpochMilli());
    return new ServerLogLine(Resource.empty(), nanos, "INF", "a line");
  }
}
