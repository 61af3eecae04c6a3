package dev.natschat.chaos;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A program that is killed, stalled and started again. Safe for use by many threads. */
final class Program {
  /** Whether it does its work; asked of a program that runs. */
  interface Readiness {
    boolean isReady() throws IOException, InterruptedException;
  }

  /** As a supervisor does: a service hands back what it has and exports, within 35 s. */
  private static final Duration FAREWELL = Duration.ofSeconds(40);

  private final String name;
  private final List<String> command;
  private final Map<String, String> environment;
  private final Path log;
  private final Readiness readiness;
  private @Nullable Process process;
  private boolean closed;

  Program(
      String name,
      List<String> command,
      Map<String, String> environment,
      Path log,
      Readiness readiness) {
    this.name = name;
    this.command = List.copyOf(command);
    this.environment = Map.copyOf(environment);
    this.log = log;
    this.readiness = readiness;
  }

  String name() {
    return name;
  }

  synchronized void start() throws IOException {
    if (closed || isAlive()) {
      return;
    }
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(environment);
    process = builder.start();
  }

  synchronized boolean isAlive() {
    return process != null && process.isAlive();
  }

  boolean isReady() throws InterruptedException {
    try {
      return isAlive() && readiness.isReady();
    } catch (IOException e) {
      return false;
    }
  }

  /** SIGKILL, to it and to all that it has started, until it is gone. */
  synchronized void kill() {
    List<ProcessHandle> family = family();
    family.forEach(ProcessHandle::destroyForcibly);
    // PostgreSQL's children keep its shared memory for a moment, and no other can start meanwhile.
    family.forEach(member -> member.onExit().join());
  }

  /** SIGSTOP: its connections stay open and say nothing. */
  synchronized void stall() throws IOException, InterruptedException {
    signal("STOP");
  }

  synchronized void resume() throws IOException, InterruptedException {
    signal("CONT");
  }

  /** SIGTERM, and SIGKILL for what is still there after 40 s. */
  synchronized void stop() throws InterruptedException {
    if (process != null && process.isAlive()) {
      process.destroy();
      boolean unused = process.waitFor(FAREWELL.toMillis(), TimeUnit.MILLISECONDS);
    }
    kill();
  }

  /** Kills it for good: it can't be started again. */
  void close() {
    synchronized (this) {
      closed = true;
    }
    kill();
  }

  private void signal(String signal) throws IOException, InterruptedException {
    List<String> kill = new ArrayList<>(List.of("kill", "-" + signal));
    family().forEach(member -> kill.add(String.valueOf(member.pid())));
    new ProcessBuilder(kill)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start()
        .waitFor();
  }

  /** The parent first: it makes no more children then. */
  private List<ProcessHandle> family() {
    Process parent = process;
    return parent == null || !parent.isAlive()
        ? List.of()
        : Stream.concat(Stream.of(parent.toHandle()), parent.descendants()).toList();
  }
}
