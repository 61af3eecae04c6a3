package dev.natschat.persist;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** The worker as it is run: a process of its own. */
final class Worker {
  private final Process process;
  private final Path output;

  private Worker(Process process, Path output) {
    this.process = process;
    this.output = output;
  }

  /** The settings of a worker that the broker and the database let in. */
  static Map<String, String> settings(NatsServer broker, Database database) {
    Map<String, String> settings = new HashMap<>();
    settings.put("NATS_URL", broker.url());
    settings.put("NATS_USER", "persist-worker");
    settings.put("NATS_PASS", "test-only");
    settings.put("DATABASE_URL", database.url());
    settings.put("DATABASE_USER", "persist_worker");
    settings.put("DATABASE_PASSWORD", "test-only");
    return settings;
  }

  static Worker start(Map<String, String> settings, Path output) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-jar",
                Path.of("target", "persist-worker.jar").toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    builder.environment().putAll(settings);
    return new Worker(builder.start(), output);
  }

  /** SIGKILL. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** SIGTERM, and until it has ended. */
  void terminate() throws InterruptedException {
    process.destroy();
    process.waitFor();
  }

  int exitCode() throws InterruptedException {
    return process.waitFor();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  String output() throws IOException {
    return Files.readString(output);
  }
}
