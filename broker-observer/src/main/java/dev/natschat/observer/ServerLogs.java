package dev.natschat.observer;

import dev.natschat.service.Outage;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.resources.Resource;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Exports what servers write to their log files, on one thread. The files are the queue: how far
 * they are read is kept when all before it was accepted or refused for good.
 */
final class ServerLogs {
  private static final Logger log = LoggerFactory.getLogger(ServerLogs.class);
  private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);

  private final Map<String, ServerLogFile> files = new TreeMap<>();
  private final Resource observer;
  private final LogRecordExporter exporter;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread = new Thread(this::run, "server-logs");
  private final Map<String, Outage> outages = new HashMap<>();

  /**
   * @param resource of this process
   * @param exporter exports until each record is accepted or refused for good, or the thread is
   *     interrupted
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
        exportNew();
      } while (!closing.await(BETWEEN_LOOKS.toMillis(), TimeUnit.MILLISECONDS));
      exportNew();
    } catch (InterruptedException e) {
      log.debug("Closed while the Collector was away", e);
    } finally {
      exporter.shutdown();
    }
  }

  private void exportNew() throws InterruptedException {
    for (Map.Entry<String, ServerLogFile> file : files.entrySet()) {
      exportNew(file.getKey(), file.getValue());
    }
  }

  private void exportNew(String server, ServerLogFile file) throws InterruptedException {
    Outage outage = outages.computeIfAbsent(server, itsOwn -> new Outage());
    try {
      for (var lines = file.read(); !lines.lines().isEmpty(); lines = file.read()) {
        export(ServerLogLine.parse(lines.lines(), resource(server), nanos(Instant.now())));
        lines.done();
      }
      if (outage.ends()) {
        log.info("The log of {} is read again", server);
      }
    } catch (IOException | RuntimeException e) {
      if (outage.isNews(e.toString())) {
        log.warn("Cannot read the log of {}, trying again: {}", server, e.toString());
      }
    }
  }

  /** Until each is accepted or refused for good: the exporter says and counts what is. */
  private void export(List<ServerLogLine> records) throws InterruptedException {
    CompletableResultCode result = exporter.export(List.copyOf(records));
    if (!result.isSuccess() && Thread.interrupted()) {
      throw new InterruptedException(records.size() + " log records are left for the next start");
    }
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

  /** Exports what is there, if it is accepted soon. */
  void stop() throws InterruptedException {
    closing.countDown();
    thread.join(Duration.ofSeconds(2).toMillis());
    thread.interrupt();
    thread.join(Duration.ofSeconds(1).toMillis());
  }
}
