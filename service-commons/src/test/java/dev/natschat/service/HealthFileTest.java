package dev.natschat.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

class HealthFileTest {
  @Test
  void theFileIsThereOnlyWhileTheServiceIsReady(@TempDir Path directory) {
    Path file = directory.resolve("ready");
    AtomicBoolean ready = new AtomicBoolean();
    try (HealthFile health = new HealthFile(file, ready::get)) {
      assertThat(health).isNotNull();
      assertThat(file).doesNotExist();
      ready.set(true);
      await().until(() -> Files.exists(file));
      ready.set(false);
      await().until(() -> !Files.exists(file));
      ready.set(true);
      await().until(() -> Files.exists(file));
    }
    assertThat(file).doesNotExist();
  }

  @Test
  void theFileIsWrittenAnew(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("ready");
    try (HealthFile health = new HealthFile(file, () -> true)) {
      assertThat(health).isNotNull();
      await().until(() -> Files.exists(file));
      FileTime old = FileTime.from(Instant.EPOCH);
      Files.setLastModifiedTime(file, old);
      await().until(() -> Files.getLastModifiedTime(file).compareTo(old) > 0);
    }
  }

  @Test
  void aFileOfARunThatWasKilledGoes(@TempDir Path directory) throws IOException {
    Path file = Files.writeString(directory.resolve("ready"), "ready\n");
    try (HealthFile health = new HealthFile(file, () -> false)) {
      assertThat(health).isNotNull();
      await().until(() -> !Files.exists(file));
    }
  }

  @Test
  void aFileThatCannotBeWrittenIsSaidOnce(@TempDir Path directory) throws IOException {
    Logger logger = (Logger) LoggerFactory.getLogger(HealthFile.class);
    ListAppender<ILoggingEvent> lines = new ListAppender<>();
    lines.start();
    logger.addAppender(lines);
    Path missing = directory.resolve("missing");
    AtomicInteger asked = new AtomicInteger();
    try (HealthFile health =
        new HealthFile(missing.resolve("ready"), () -> asked.incrementAndGet() > 0)) {
      assertThat(health).isNotNull();
      await().until(() -> asked.get() > 4);
      assertThat(lines.list).hasSize(1);
      Files.createDirectory(missing);
      await().until(() -> Files.exists(missing.resolve("ready")));
    } finally {
      logger.detachAppender(lines);
    }
  }
}
