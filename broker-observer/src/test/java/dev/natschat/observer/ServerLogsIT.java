package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.resources.Resource;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a real nats-server logs is exported as records of that server. */
class ServerLogsIT {
  private static final Resource OBSERVER =
      Resource.create(Attributes.of(AttributeKey.stringKey("service.name"), "broker-observer"));

  /** Takes nothing while it is away. */
  private static final class Collector implements LogRecordExporter {
    private final List<LogRecordData> taken = new CopyOnWriteArrayList<>();
    private volatile boolean away;
    private final AtomicInteger refused = new AtomicInteger();

    @Override
    public CompletableResultCode export(Collection<LogRecordData> records) {
      if (away) {
        refused.incrementAndGet();
        return CompletableResultCode.ofFailure();
      }
      taken.addAll(records);
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode flush() {
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode shutdown() {
      return CompletableResultCode.ofSuccess();
    }

    private List<String> texts() {
      return taken.stream()
          .map(record -> String.valueOf(record.getBodyValue().asString()))
          .toList();
    }

    private void awaitText(String part) {
      await(part)
          .atMost(Duration.ofSeconds(30))
          .until(() -> texts().stream().anyMatch(text -> text.contains(part)));
    }
  }

  @Test
  void everyLineIsExportedOnceWhoeverWasAway(@TempDir Path directory) throws Exception {
    Instant begun = Instant.now();
    Collector collector = new Collector();
    try (NatsServer nats = NatsServer.start(directory)) {
      Map<String, Path> files = Map.of("nats-chat", directory.resolve("log"));
      ServerLogs logs = new ServerLogs(files, OBSERVER, collector);
      collector.awaitText("Server is ready");

      collector.away = true;
      assertThatThrownBy(() -> nats.connect("nobody")).hasMessageContaining("Authorization");
      await().atMost(Duration.ofSeconds(30)).until(() -> collector.refused.get() > 0);
      assertThat(collector.texts()).noneMatch(text -> text.contains("authentication error"));
      logs.stop();
      collector.away = false;
      logs = new ServerLogs(files, OBSERVER, collector);
      collector.awaitText("authentication error");
      nats.kill();
      nats.startAgain();
      await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> count(collector.texts(), "Server is ready") == 2);
      logs.stop();
    }

    assertThat(count(collector.texts(), "authentication error")).isEqualTo(1);
    assertThat(count(collector.texts(), "Starting nats-server")).isEqualTo(2);
    assertThat(collector.taken)
        .allSatisfy(
            record -> {
              assertThat(record.getResource().getAttributes().asMap())
                  .containsEntry(AttributeKey.stringKey("service.name"), "nats-server")
                  .containsEntry(AttributeKey.stringKey("service.instance.id"), "nats-chat");
              assertThat(record.getSeverityText()).isIn("INFO", "WARN", "ERROR");
              assertThat(Instant.ofEpochSecond(0, record.getTimestampEpochNanos()))
                  .isBetween(begun.minusMillis(1), Instant.now());
            });
  }

  private static long count(List<String> texts, String part) {
    return texts.stream().filter(text -> text.contains(part)).count();
  }
}
