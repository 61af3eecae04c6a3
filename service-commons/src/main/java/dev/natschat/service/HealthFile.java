package dev.natschat.service;

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

/**
 * A file that exists only while the service is ready, and is then written anew twice a second. Safe
 * for use by many threads; closing it removes the file.
 */
public final class HealthFile implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(HealthFile.class);
  private static final long REFRESH_MILLIS = 500;

  /** Until it is ready: who waits for the start need not wait for a clock as well. */
  private static final long LOOK_MILLIS = 25;

  private final @Nullable Path file;
  private final BooleanSupplier ready;
  private final ScheduledExecutorService refresher =
      Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "health"));
  private boolean closed;
  private boolean troubleSaid;

  /**
   * @param file when null, nothing is ever written
   * @param ready asked by a thread of the file's own
   */
  public HealthFile(@Nullable Path file, BooleanSupplier ready) {
    this.file = file;
    this.ready = ready;
    refresher.execute(this::refresh);
  }

  private synchronized void refresh() {
    if (file == null || closed) {
      return;
    }
    long next = update(file, ready.getAsBoolean()) ? REFRESH_MILLIS : LOOK_MILLIS;
    Future<?> unused = refresher.schedule(this::refresh, next, TimeUnit.MILLISECONDS);
  }

  /** Whether the next look can wait. */
  private boolean update(Path file, boolean ready) {
    try {
      if (ready) {
        Files.writeString(file, "ready\n");
      } else {
        Files.deleteIfExists(file);
      }
      troubleSaid = false;
      return ready;
    } catch (IOException e) {
      if (!troubleSaid) { // else twice a second, on a disk that is full, say
        log.error("HEALTH_FILE {} can't be written: make its directory writable", file, e);
        troubleSaid = true;
      }
      return true;
    }
  }

  @Override
  public synchronized void close() {
    refresher.shutdownNow();
    closed = true;
    if (file != null) {
      update(file, false);
    }
  }
}
