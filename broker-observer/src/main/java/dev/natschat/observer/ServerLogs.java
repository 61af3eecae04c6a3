package dev.natschat.observer;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.resources.Resource;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Exports what servers write to their log files, on one thread. The files are the queue: what was
 * not accepted is read again.
 */
final class ServerLogs {
  private static final Logger log = LoggerFactory.getLogger(ServerLogs.class);
  private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);
  private static final Duration LONGEST_EXPORT = Duration.ofSeconds(15);

  /** Loki refuses what is older than a day (reject_old_samples_max_age), all of its batch. */
  private static final Duration TOO_OLD = Duration.ofHours(23);

  private final Map<String, ServerLogFile> files = new TreeMap<>();
  private final Resource observer;
  private final LogRecordExporter exporter;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread = new Thread(this::run, "server-logs");
  private @Nullable String said;

  /**
   * @param resource of this process
   */
  ServerLogs(Map<String, Path> files, Resource resource, LogRecordExporter exporter) {
    files.forEach((server, file) -> this.files.put(server, new ServerLogFile(file)));
    this.observer = resource;
    this.exporter = exporter;
    thread.start();
  }

  private void run() {
    try {
      do {
        files.forEach(this::exportNew);
      } while (!closing.await(BETWEEN_LOOKS.toMillis(), TimeUnit.MILLISECONDS));
      files.forEach(this::exportNew);
    } catch (InterruptedException e) {
      log.debug("Closed while the Collector was away", e);
    } finally {
      exporter.shutdown();
    }
  }

  private void exportNew(String server, ServerLogFile file) {
    try {
      for (var lines = file.read(); !lines.lines().isEmpty(); lines = file.read()) {
        if (!isAccepted(
            ServerLogLine.parse(lines.lines(), resource(server), nanos(Instant.now())))) {
          return;
        }
        lines.done();
      }
      said = null;
    } catch (IOException | RuntimeException e) {
      sayOnce("Cannot read the log of " + server + ", trying again: " + e);
    }
  }

  private boolean isAccepted(List<ServerLogLine> lines) {
    long oldest = nanos(Instant.now().minus(TOO_OLD));
    List<LogRecordData> records =
        lines.stream()
            .filter(line -> line.timeNanos() > oldest)
            .map(LogRecordData.class::cast)
            .toList();
    if (records.isEmpty()) {
      return true;
    }
    CompletableResultCode result = exporter.export(records);
    return result.join(LONGEST_EXPORT.toMillis(), TimeUnit.MILLISECONDS).isSuccess();
  }

  /** The one that the server's hops have. */
  private Resource resource(String server) {
    return Resource.create(
        observer.getAttributes().toBuilder()
            .put("service.name", "nats-server")
            .put("service.instance.id", server)
            .build());
  }

  private static long nanos(Instant time) {
    return time.getEpochSecond() * 1_000_000_000L + time.getNano();
  }

  private void sayOnce(String what) {
    if (!what.equals(said)) {
      said = what;
      log.warn(what);
    }
  }

  /** Exports what is there. */
  void stop() throws InterruptedException {
    closing.countDown();
    thread.join(Duration.ofSeconds(2).toMillis());
    if (thread.isAlive()) {
      thread.interrupt();
    }
  }
}
