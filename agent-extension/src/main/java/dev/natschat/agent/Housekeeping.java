package dev.natschat.agent;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/** What is done once a second, on a thread that starts when there is something to do. */
final class Housekeeping {
  private static final AtomicBoolean started = new AtomicBoolean();

  private Housekeeping() {}

  static void start() {
    if (!started.get() && started.compareAndSet(false, true)) {
      Thread thread = new Thread(Housekeeping::goOn, "otel-jnats");
      thread.setDaemon(true);
      thread.setContextClassLoader(null);
      thread.start();
    }
  }

  private static void goOn() {
    while (true) {
      LockSupport.parkNanos(Duration.ofSeconds(1).toNanos());
      try {
        Answer.giveUpOld();
        Unsettled.endDropped();
        Connections.recordAll();
      } catch (Throwable fault) {
        Faults.report(fault);
      }
    }
  }
}
