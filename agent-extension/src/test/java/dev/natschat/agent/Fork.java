package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.nats.client.Options;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A program of the tests that ran in a JVM of its own: what it printed, and what was logged. */
record Fork(String output, String log) {
  /** Handlers on an executor, with a jnats that has such dispatchers. */
  static Options.Builder withExecutor(Options.Builder options) {
    try {
      return options.useDispatcherWithExecutor();
    } catch (NoSuchMethodError older) {
      return options;
    }
  }

  /** With the agent and the extension. */
  static Fork traced(List<String> options, Class<?> program, String... arguments)
      throws IOException, InterruptedException {
    return traced(Path.of(System.getProperty("extension")), options, program, arguments);
  }

  /** With the agent and the extensions in the place of ours: a jar, or a directory of jars. */
  static Fork traced(Path extensions, List<String> options, Class<?> program, String... arguments)
      throws IOException, InterruptedException {
    List<String> all = new ArrayList<>();
    all.addAll(
        List.of(
            "-javaagent:" + System.getProperty("agent"),
            "-Dotel.javaagent.extensions=" + extensions,
            "-Dotel.exporter.otlp.endpoint=http://127.0.0.1:" + System.getProperty("otlp.port"),
            "-Dotel.exporter.otlp.protocol=http/protobuf",
            "-Dotel.metrics.exporter=none",
            "-Dotel.logs.exporter=none"));
    all.addAll(options);
    return plain(all, program, arguments);
  }

  static Fork plain(List<String> options, Class<?> program, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-XX:TieredStopAtLevel=1");
    command.addAll(List.of("-cp", classPath()));
    command.addAll(options); // of two class paths the last one counts
    command.add(program.getName());
    command.addAll(List.of(arguments));
    Path log = Files.createTempFile("fork", ".log");
    try {
      Process process = new ProcessBuilder(command).redirectError(log.toFile()).start();
      String output = new String(process.getInputStream().readAllBytes(), UTF_8);
      int code = process.waitFor();
      Fork fork = new Fork(output, Files.readString(log));
      assertThat(code).as("%s", fork).isZero();
      return fork;
    } finally {
      Files.delete(log);
    }
  }

  /**
   * The tests' own: surefire puts it into the manifest of a jar, the property keeps it readable.
   */
  static String classPath() {
    return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
  }
}
