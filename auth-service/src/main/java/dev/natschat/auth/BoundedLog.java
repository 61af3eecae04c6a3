package dev.natschat.auth;

import org.slf4j.Logger;

/** Refusals are as many as an attacker likes; their log lines are not. */
final class BoundedLog {
  private static final int LINES_PER_SECOND = 10;

  private final Logger log;
  private long second = Long.MIN_VALUE;
  private int lines;
  private int left;

  BoundedLog(Logger log) {
    this.log = log;
  }

  synchronized void warn(String format, Object... arguments) {
    long now = System.nanoTime() / 1_000_000_000;
    if (now != second) {
      if (left > 0) {
        log.warn("{} more refusals were not logged", left);
      }
      second = now;
      lines = 0;
      left = 0;
    }
    if (lines++ < LINES_PER_SECOND) {
      log.warn(format, arguments);
    } else {
      left++;
    }
  }
}
