package dev.natschat.benchmarks;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Locale;
import java.util.stream.Stream;

/** What is measured on, and where files are put meanwhile. */
final class Machine {
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

  /** With servers and files of its own, so that none inherits what another left. */
  static void alone(String name, Measurement measurement) throws Exception {
    System.err.println(name + " ...");
    Path directory = Files.createTempDirectory("benchmark");
    try {
      measurement.in(directory);
    } finally {
      delete(directory);
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
