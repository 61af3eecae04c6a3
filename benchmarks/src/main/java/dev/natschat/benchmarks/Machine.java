package dev.natschat.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** What is measured on, and where files are put meanwhile. */
final class Machine {
  private static final Duration FAREWELL = Duration.ofSeconds(5);
  private static final int MOST_ATTEMPTS = 50;

  private Machine() {}

  static String description() throws IOException {
    String total = Files.readAllLines(Path.of("/proc/meminfo")).get(0);
    return String.format(
        Locale.ROOT,
        "%d processors, %,d MiB, Linux %s, JDK %s, load average before %.1f",
        Runtime.getRuntime().availableProcessors(),
        Long.parseLong(total.replaceAll("\\D", "")) / 1024,
        System.getProperty("os.version"),
        Runtime.version(),
        ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
  }

  interface Measurement {
    void in(Path directory) throws Exception;
  }

  /**
   * With servers and files of its own, so that none inherits what another left. They are gone
   * afterwards, also after SIGTERM and Ctrl-C.
   */
  static void alone(String name, Measurement measurement) throws Exception {
    System.err.println(name + " ...");
    Path directory = Files.createTempDirectory("benchmark");
    Thread cleaner = cleanUpWhenStopped(directory);
    try {
      measurement.in(directory);
    } finally {
      if (removed(cleaner)) {
        delete(directory);
      }
    }
  }

  /**
   * @throws IllegalStateException when the program is being stopped: nothing new begins
   */
  private static Thread cleanUpWhenStopped(Path directory) throws IOException {
    Thread cleaner = new Thread(() -> cleanUp(directory), "clean-up");
    try {
      Runtime.getRuntime().addShutdownHook(cleaner);
      return cleaner;
    } catch (IllegalStateException stopping) {
      Files.delete(directory);
      throw stopping;
    }
  }

  /** False when it runs: the program is being stopped. */
  private static boolean removed(Thread shutdownHook) {
    try {
      return Runtime.getRuntime().removeShutdownHook(shutdownHook);
    } catch (IllegalStateException stopping) {
      return false;
    }
  }

  /** Not alone: the embedded PostgreSQL deletes its files in a hook of its own. */
  private static void cleanUp(Path directory) {
    endAll(directory);
    for (int attempt = 1; Files.exists(directory); attempt++) {
      try {
        delete(directory);
      } catch (IOException | UncheckedIOException e) {
        if (attempt == MOST_ATTEMPTS) {
          System.err.println("Left behind: " + directory + ": " + e);
          return;
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
      }
    }
  }

  /**
   * SIGTERM to the programs that were started; after 5 s also to their children, which PostgreSQL
   * waits for; SIGKILL for what is still there after 5 s more.
   */
  private static void endAll(Path directory) {
    end(ProcessHandle.current().children().toList(), ProcessHandle::destroy, directory);
    end(started(directory), ProcessHandle::destroy, directory);
    end(started(directory), ProcessHandle::destroyForcibly, directory);
  }

  private static void end(
      List<ProcessHandle> processes, Consumer<ProcessHandle> signal, Path directory) {
    List<ProcessHandle> all = started(directory);
    processes.forEach(signal);
    CompletableFuture.allOf(
            all.stream().map(ProcessHandle::onExit).toArray(CompletableFuture<?>[]::new))
        .completeOnTimeout(null, FAREWELL.toSeconds(), TimeUnit.SECONDS)
        .join();
  }

  /** By this program, or by pg_ctl, whose PostgreSQL is nobody's child. */
  private static List<ProcessHandle> started(Path directory) {
    return Stream.concat(
            ProcessHandle.current().descendants(),
            ProcessHandle.allProcesses().filter(process -> worksIn(directory, process)))
        .distinct()
        .toList();
  }

  private static boolean worksIn(Path directory, ProcessHandle process) {
    try {
      Path cwd = Path.of("/proc", String.valueOf(process.pid()), "cwd");
      return Files.readSymbolicLink(cwd).startsWith(directory);
    } catch (IOException anothersOrGone) {
      return false;
    }
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
