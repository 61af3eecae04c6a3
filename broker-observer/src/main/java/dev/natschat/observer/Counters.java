package dev.natschat.observer;

import io.opentelemetry.api.common.Attributes;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Adds up what counters of servers have moved since they were first seen: see README.md. For one
 * thread.
 */
final class Counters {
  /** As long as a silent server is remembered. */
  private static final long KEPT_NANOS = Duration.ofHours(1).toNanos();

  /** Past this a new series is not counted: somebody makes consumers without end. */
  private static final int MAX_SERIES = 20_000;

  private final Map<Series, Count> counts = new HashMap<>();
  private final LongSupplier nanoTime;

  Counters(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /**
   * The total after this reading, which starts at 0.
   *
   * @param incarnation another one than before: the counter began anew, at 0
   * @return null when there are too many series
   */
  @Nullable Double total(Metric metric, Attributes of, String incarnation, double reading) {
    Series series = new Series(metric, of);
    Count count = counts.get(series);
    if (count == null) {
      if (counts.size() >= MAX_SERIES) {
        return null;
      }
      count = new Count(incarnation, reading);
      counts.put(series, count);
    }
    count.read(incarnation, reading, nanoTime.getAsLong());
    return count.total;
  }

  /** Forgets what was not read for an hour. */
  void prune() {
    long now = nanoTime.getAsLong();
    counts.values().removeIf(count -> now - count.readAt > KEPT_NANOS);
  }

  private record Series(Metric metric, Attributes of) {}

  private static final class Count {
    private String incarnation;
    private double reading;
    private double total;
    private long readAt;

    Count(String incarnation, double reading) {
      this.incarnation = incarnation;
      this.reading = reading;
    }

    void read(String now, double newReading, long at) {
      if (!incarnation.equals(now)) {
        incarnation = now;
        reading = 0;
      }
      if (newReading > reading) { // less: a replica that lags behind the one asked before
        total += newReading - reading;
        reading = newReading;
      }
      readAt = at;
    }
  }
}
