package dev.natschat.auth;

import org.slf4j.Logger;
import org.slf4j.event.Level;

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

  void warn(String format, Object... arguments) {
    log(Level.WARN, format, arguments);
  }

  void error(String format, Object... arguments) {
    log(Level.ERROR, format, arguments);
  }

  private synchronized void log(Level level, String format, Object... arguments) {
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
      log.atLevel(level).log(format, arguments);
    } else {
      left++;
    }
  }
}
