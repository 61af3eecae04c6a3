package dev.natschat.agent;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Where every fault of the extension ends: said once, never thrown into the application. */
final class Faults {
  private static final Logger logger = Logger.getLogger("dev.natschat.agent");
  private static final AtomicBoolean said = new AtomicBoolean();

  private Faults() {}

  static void report(Throwable fault) {
    if (said.compareAndSet(false, true)) {
      logger.log(
          Level.WARNING,
          "The jnats instrumentation failed; the application goes on, this span is lost."
              + " Further faults are not logged.",
          fault);
    }
  }

  static void misconfigured(String message) {
    logger.warning(message);
  }
}
