package dev.natschat.auth;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A file that exists, and was written to within the last seconds, while the service is ready. */
@SuppressWarnings("try") // closing waits, and may be interrupted
final class HealthFile implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(HealthFile.class);
  private static final Duration PERIOD = Duration.ofSeconds(2);

  private final ScheduledThreadPoolExecutor timer =
      new ScheduledThreadPoolExecutor(1, task -> new Thread(task, "health-file"));
  private final @Nullable Path file;

  HealthFile(@Nullable Path file, BooleanSupplier ready) {
    this.file = file;
    if (file != null) {
      Future<?> unused =
          timer.scheduleWithFixedDelay(
              () -> update(file, ready.getAsBoolean()),
              0,
              PERIOD.toMillis(),
              TimeUnit.MILLISECONDS);
    }
  }

  private static void update(Path file, boolean ready) {
    try {
      if (ready) {
        Files.writeString(file, "ready\n");
      } else {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      log.warn("cannot update the health file: {}", e.toString());
    }
  }

  @Override
  public void close() throws InterruptedException {
    timer.shutdownNow();
    timer.awaitTermination(PERIOD.toMillis(), TimeUnit.MILLISECONDS);
    if (file != null) {
      update(file, false);
    }
  }
}
