package dev.natschat.client;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What became of the messages of a load. Safe for use by many threads. */
final class Tally {
  private final Map<String, Long> failures = new TreeMap<>();
  private int[] micros = new int[1024];
  private int accepted;

  synchronized void add(long nanos, @Nullable Throwable failure) {
    if (failure != null) {
      failures.merge(String.valueOf(Chat.explained(failure).getMessage()), 1L, Long::sum);
      return;
    }
    if (accepted == micros.length) {
      micros = Arrays.copyOf(micros, 2 * accepted);
    }
    micros[accepted++] = (int) Math.min(nanos / 1000, Integer.MAX_VALUE);
  }

  synchronized long accepted() {
    return accepted;
  }

  /** How many messages failed for which reason. */
  synchronized Map<String, Long> failures() {
    return new TreeMap<>(failures);
  }

  /**
   * @param quantile from 0 to 1
   */
  synchronized double latencyMillis(double quantile) {
    int[] sorted = Arrays.copyOf(micros, accepted);
    Arrays.sort(sorted);
    return sorted[(int) Math.ceil(quantile * accepted) - 1] / 1000.0;
  }
}
