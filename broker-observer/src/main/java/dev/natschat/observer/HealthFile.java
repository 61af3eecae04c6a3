package dev.natschat.observer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A file that exists only while the service is ready, and is then written anew twice a second. */
final class HealthFile implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(HealthFile.class);
  private static final long REFRESH_MILLIS = 500;

  private final @Nullable Path file;
  private final BooleanSupplier ready;
  private final ScheduledExecutorService refresher =
      Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "health"));
  private boolean closed;

  /**
   * @param file when null, nothing is ever written
   */
  HealthFile(@Nullable Path file, BooleanSupplier ready) {
    this.file = file;
    this.ready = ready;
    Future<?> unused =
        refresher.scheduleWithFixedDelay(this::refresh, 0, REFRESH_MILLIS, TimeUnit.MILLISECONDS);
  }

  private synchronized void refresh() {
    if (file == null) {
      return;
    }
    try {
      if (!closed && ready.getAsBoolean()) {
        Files.writeString(file, "ready\n");
      } else {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      log.error("HEALTH_FILE {} can't be written: make its directory writable", file, e);
    }
  }

  @Override
  public synchronized void close() {
    refresher.shutdown();
    closed = true;
    refresh();
  }
}
