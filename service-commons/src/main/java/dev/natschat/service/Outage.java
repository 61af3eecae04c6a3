package dev.natschat.service;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * What the log says while something that the service needs is away: each reason once, and again
 * every few minutes, so that who reads the last quarter of an hour finds it. Safe for use by many
 * threads.
 */
public final class Outage {
  static final Duration AGAIN = Duration.ofMinutes(5);

  /** A reason may hold words that somebody else chose. */
  static final int MOST_REASONS = 10;

  private final LongSupplier nanoTime;
  private final Map<String, Long> saidAt = new HashMap<>();

  public Outage() {
    this(System::nanoTime);
  }

  Outage(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /**
   * Begins, or goes on.
   *
   * @param reason the same for the same trouble: no text with a number in it that changes
   * @return whether it is to be logged
   */
  public synchronized boolean isNews(String reason) {
    long now = nanoTime.getAsLong();
    Long before = saidAt.get(reason);
    if (before == null ? saidAt.size() >= MOST_REASONS : now - before < AGAIN.toNanos()) {
      return false;
    }
    saidAt.put(reason, now);
    return true;
  }

  /**
   * Ends, if there was one.
   *
   * @return whether there was, and its end is to be logged
   */
  public synchronized boolean ends() {
    boolean lasted = !saidAt.isEmpty();
    saidAt.clear();
    return lasted;
  }
}
