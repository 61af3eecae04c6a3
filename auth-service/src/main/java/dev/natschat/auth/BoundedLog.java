package dev.natschat.auth;

import dev.natschat.service.LinesPerSecond;
import org.slf4j.Logger;
import org.slf4j.event.Level;

/** Refusals are as many as an attacker likes; their log lines are not. */
final class BoundedLog {
  private final Logger log;
  private final LinesPerSecond lines = new LinesPerSecond(10);
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
    if (!lines.take()) {
      left++;
      return;
    }
    if (left > 0) {
      log.warn("{} more refusals were not logged", left);
      left = 0;
    }
    log.atLevel(level).log(format, arguments);
  }
}
