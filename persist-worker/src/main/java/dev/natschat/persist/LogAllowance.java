package dev.natschat.persist;

import java.util.concurrent.TimeUnit;

/** Ten lines a second: every message of a quiet chat has its line, a flood does not. */
final class LogAllowance {
  private static final int LINES = 10;

  private long second;
  private int taken;

  boolean take() {
    long now = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime());
    if (now != second) {
      second = now;
      taken = 0;
    }
    return taken++ < LINES;
  }
}
