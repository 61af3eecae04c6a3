package dev.natschat.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** What Linux says of a process (proc(5)). */
final class Usage {
  /** Always 100 to user space: sysconf(_SC_CLK_TCK). */
  private static final long MILLIS_PER_TICK = 10;

  private static final int USER_TIME = 14 - 3;
  private static final int SYSTEM_TIME = 15 - 3;
  private static final int CHILDREN_USER_TIME = 16 - 3;
  private static final int CHILDREN_SYSTEM_TIME = 17 - 3;

  private Usage() {}

  static Duration cpu(long pid) throws IOException {
    return sum(pid, USER_TIME, SYSTEM_TIME);
  }

  static Duration ofEndedChildren(long pid) throws IOException {
    return sum(pid, CHILDREN_USER_TIME, CHILDREN_SYSTEM_TIME);
  }

  /** The most memory that was ever resident. */
  static double peakMebibytes(long pid) throws IOException {
    return mebibytes(pid, "VmHWM:");
  }

  static double residentMebibytes(long pid) throws IOException {
    return mebibytes(pid, "VmRSS:");
  }

  private static double mebibytes(long pid, String field) throws IOException {
    return Files.readAllLines(proc(pid, "status")).stream()
        .filter(line -> line.startsWith(field))
        .mapToInt(line -> Integer.parseInt(line.replaceAll("\\D", "")) / 1024)
        .findFirst()
        .orElse(0);
  }

  private static Duration sum(long pid, int one, int other) throws IOException {
    try {
      String stat = Files.readString(proc(pid, "stat"));
      // Field 3 is the first after the command's name in parentheses.
      List<String> fields = List.of(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1));
      return Duration.ofMillis(
          (Long.parseLong(fields.get(one)) + Long.parseLong(fields.get(other))) * MILLIS_PER_TICK);
    } catch (NoSuchFileException e) {
      return Duration.ZERO; // it ended a moment ago
    }
  }

  private static Path proc(long pid, String file) {
    return Path.of("/proc", String.valueOf(pid), file);
  }
}
