package dev.natschat.service;

import java.util.concurrent.TimeUnit;

/** Keeps what others can cause at will from flooding the log. Safe for use by many threads. */
public final class LinesPerSecond {
  private final int lines;
  private long second;
  private int taken;

  public LinesPerSecond(int lines) {
    this.lines = lines;
  }

  /** True so many times in a second. */
  public synchronized boolean take() {
    long now = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime());
    if (now != second) {
      second = now;
      taken = 0;
    }
    return taken++ < lines;
  }
}
