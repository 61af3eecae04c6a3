package dev.natschat.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** One of the services or another program, in a JVM of its own with the flags of processes/run. */
final class ServiceProcess implements AutoCloseable {
  private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");
  private static final List<String> JVM =
      List.of(
          "-XX:+UseSerialGC",
          "-XX:+ExitOnOutOfMemoryError",
          "-XX:-UsePerfData",
          "-XX:+IgnoreUnrecognizedVMOptions",
          "-XX:TrimNativeHeapInterval=1000");
  private static final Duration LONGEST_START = Duration.ofMinutes(2);

  private final Process process;
  private final Path health;
  private final Path log;
  private final long startedNanos = System.nanoTime();

  private ServiceProcess(Process process, Path health, Path log) {
    this.process = process;
    this.health = health;
    this.log = log;
  }

  static ServiceProcess start(
      String name,
      List<String> jvm,
      Tracing tracing,
      TraceSink sink,
      Map<String, String> environment,
      Path directory)
      throws IOException {
    Path health = directory.resolve(name + ".ready");
    Path log = directory.resolve(name + ".log");
    List<String> arguments = new ArrayList<>(jvm);
    arguments.addAll(tracing.arguments(name, sink.endpoint()));
    arguments.addAll(List.of("-jar", name + "/target/" + name + ".jar"));
    Map<String, String> more = new HashMap<>(environment);
    more.put("HEALTH_FILE", health.toString());
    more.put("OTEL_SEMCONV_STABILITY_OPT_IN", "database");
    more.put("MALLOC_ARENA_MAX", "1");
    return start(List.of(), arguments, more, health, log);
  }

  /** A service that talks with the broker, by its own name, and with PostgreSQL. */
  static ServiceProcess startWithDatabase(
      String name,
      List<String> jvm,
      Tracing tracing,
      TraceSink sink,
      Broker broker,
      String password,
      Postgres postgres,
      Path directory)
      throws IOException {
    return start(
        name,
        jvm,
        tracing,
        sink,
        Map.of(
            "NATS_URL",
            broker.url(),
            "NATS_USER",
            name,
            "NATS_PASS",
            password,
            "DATABASE_URL",
            postgres.url(),
            "DATABASE_USER",
            Postgres.USER,
            "DATABASE_PASSWORD",
            Postgres.PASSWORD),
        directory);
  }

  /** Without the agent. */
  static ServiceProcess startOnOneCore(
      String name, List<String> jvm, Map<String, String> environment, Path directory)
      throws IOException {
    Path health = directory.resolve(name + ".ready");
    Path log = directory.resolve(name + ".log");
    Map<String, String> more = new HashMap<>(environment);
    more.put("HEALTH_FILE", health.toString());
    List<String> arguments = new ArrayList<>(jvm);
    arguments.add("-XX:ActiveProcessorCount=1");
    arguments.addAll(List.of("-jar", name + "/target/" + name + ".jar"));
    return start(List.of("taskset", "--cpu-list", "0"), arguments, more, health, log);
  }

  /** A program of the benchmarks' own; its last argument is the file to make when it is ready. */
  static ServiceProcess startOwn(
      Class<?> main, List<String> jvm, List<String> arguments, Path directory) throws IOException {
    Path ready = directory.resolve(main.getSimpleName() + ".ready");
    Path log = directory.resolve(main.getSimpleName() + ".log");
    List<String> all = new ArrayList<>(jvm);
    all.addAll(List.of("-cp", "benchmarks/target/benchmarks.jar"));
    all.add(main.getName());
    all.addAll(arguments);
    all.add(ready.toString());
    return start(List.of(), all, Map.of(), ready, log);
  }

  /** Its {@code health} file is not there until this process makes it, whoever made one before. */
  private static ServiceProcess start(
      List<String> under,
      List<String> arguments,
      Map<String, String> environment,
      Path health,
      Path log)
      throws IOException {
    Files.deleteIfExists(health);
    List<String> command = new ArrayList<>(under);
    command.add(JAVA.toString());
    command.addAll(JVM);
    command.addAll(arguments);
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    builder.environment().putAll(environment);
    return new ServiceProcess(builder.start(), health, log);
  }

  /** Seconds from the start of the process until it says that it is ready. */
  double awaitReady() throws IOException, InterruptedException {
    while (!Files.exists(health)) {
      if (System.nanoTime() - startedNanos > LONGEST_START.toNanos()) {
        throw new IOException("not ready:\n" + Files.readString(log));
      }
      awaitNext(5);
    }
    return (System.nanoTime() - startedNanos) / 1e9;
  }

  /** What is in the file that it made. */
  String whatItSaysWhenReady() throws IOException {
    return Files.readString(health);
  }

  /** Waits a little; a service that has ended is an error with its log. */
  void awaitNext(long millis) throws IOException, InterruptedException {
    if (process.waitFor(millis, TimeUnit.MILLISECONDS)) {
      throw new IOException("ended with " + process.exitValue() + ":\n" + Files.readString(log));
    }
  }

  Duration cpu() throws IOException {
    return Usage.cpu(process.pid());
  }

  double peakMebibytes() throws IOException {
    return Usage.peakMebibytes(process.pid());
  }

  double residentMebibytes() throws IOException {
    return Usage.residentMebibytes(process.pid());
  }

  /** Ends it as a supervisor does, so that it exports what it still holds. */
  void stop() throws InterruptedException {
    process.destroy();
    process.waitFor(20, TimeUnit.SECONDS);
  }

  @Override
  public void close() {
    process.destroyForcibly();
    process.onExit().join();
  }
}
