package dev.natschat.agent;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.nats.client.Options;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A program of the tests that ran in a JVM of its own: what it printed, and what was logged. */
record Fork(String output, String log) {
  /** None runs for longer than a minute or two, also on a busy machine. */
  private static final Duration LIMIT = Duration.ofMinutes(5);

  /** Handlers on an executor, with a jnats that has such dispatchers. */
  static Options.Builder withExecutor(Options.Builder options) {
    try {
      return options.useDispatcherWithExecutor();
    } catch (NoSuchMethodError older) {
      return options;
    }
  }

  static Fork plain(List<String> options, Class<?> program, String... arguments)
      throws IOException, InterruptedException {
    return run(Map.of(), options, program, arguments);
  }

  /** With the agent and the extension. */
  static Fork traced(List<String> options, Class<?> program, String... arguments)
      throws IOException, InterruptedException {
    return traced(Map.of(), options, program, arguments);
  }

  static Fork traced(
      Map<String, String> environment, List<String> options, Class<?> program, String... arguments)
      throws IOException, InterruptedException {
    Path extension = Path.of(System.getProperty("extension"));
    return run(environment, withAgent(extension, options), program, arguments);
  }

  /** With the agent and the extensions in the place of ours: a jar, or a directory of jars. */
  static Fork traced(Path extensions, List<String> options, Class<?> program, String... arguments)
      throws IOException, InterruptedException {
    return run(Map.of(), withAgent(extensions, options), program, arguments);
  }

  private static List<String> withAgent(Path extensions, List<String> options) {
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
    return all;
  }

  private static Fork run(
      Map<String, String> environment, List<String> options, Class<?> program, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-XX:TieredStopAtLevel=1");
    command.addAll(List.of("-cp", classPath()));
    command.addAll(options); // of two class paths the last one counts
    command.add(program.getName());
    command.addAll(List.of(arguments));
    Path output = Files.createTempFile("fork-output", ".log");
    Path log = Files.createTempFile("fork", ".log");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectOutput(output.toFile()).redirectError(log.toFile());
      builder.environment().putAll(environment);
      Process process = builder.start();
      try {
        boolean ended = process.waitFor(LIMIT.toSeconds(), SECONDS);
        if (!ended) {
          printThreads(process);
        }
        Fork fork = new Fork(Files.readString(output), Files.readString(log));
        assertThat(ended).as("ended after %s: %s", LIMIT, fork).isTrue();
        assertThat(process.exitValue()).as("%s", fork).isZero();
        return fork;
      } finally {
        process.destroyForcibly().waitFor();
      }
    } finally {
      Files.delete(output);
      Files.delete(log);
    }
  }

  /** Into its output, at this signal. */
  private static void printThreads(Process process) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-QUIT", String.valueOf(process.pid())).start().waitFor();
    boolean unused = process.waitFor(10, SECONDS);
  }

  /**
   * The tests' own: surefire puts it into the manifest of a jar, the property keeps it readable.
   */
  static String classPath() {
    return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
  }
}
