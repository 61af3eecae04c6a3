package dev.natschat.history;

import java.util.concurrent.atomic.AtomicLong;

/** Keeps what others can cause at will from flooding the log. Safe for use by many threads. */
final class OncePerSecond {
  private static final long SECOND_NANOS = 1_000_000_000;

  private final AtomicLong last = new AtomicLong(System.nanoTime() - SECOND_NANOS);

  /** True when a second has passed since it was true. */
  boolean isDue() {
    long now = System.nanoTime();
    long before = last.get();
    return now - before >= SECOND_NANOS && last.compareAndSet(before, now);
  }
}
