package dev.natschat.agent;

import java.security.AccessController;
import java.security.PrivilegedAction;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/**
 * What is done once a second, on a thread that lives while there is something to do: longer, and
 * the class loader of an undeployed application could never go.
 */
final class Housekeeping {
  private static final String NAME = "otel-jnats";
  private static final AtomicBoolean running = new AtomicBoolean();

  private Housekeeping() {}

  static void start() {
    if (!running.get() && running.compareAndSet(false, true)) {
      try {
        AccessController.doPrivileged((PrivilegedAction<Thread>) Housekeeping::thread).start();
      } catch (Throwable noThread) {
        running.set(false); // the next one tries again
        throw noThread;
      }
    }
  }

  /**
   * Holds nothing of the application that happens to need it first: another one that shares this
   * jnats may need it for longer.
   */
  private static Thread thread() {
    Thread thread = withoutThreadLocals();
    thread.setDaemon(true);
    thread.setContextClassLoader(null);
    // Else the application's handler is told, which may end the program.
    thread.setUncaughtExceptionHandler((dead, fault) -> running.set(false));
    return thread;
  }

  private static Thread withoutThreadLocals() {
    try {
      return Thread.class
          .getConstructor(
              ThreadGroup.class, Runnable.class, String.class, long.class, boolean.class)
          .newInstance(null, (Runnable) Housekeeping::goOn, NAME, 0L, false);
    } catch (ReflectiveOperationException java8) { // where threads always inherit them
      return new Thread(Housekeeping::goOn, NAME);
    }
  }

  private static void goOn() {
    boolean ended = false;
    while (!ended) {
      LockSupport.parkNanos(Duration.ofSeconds(1).toNanos());
      boolean unused = Thread.interrupted(); // an interrupt of its whole group; else it never parks
      try {
        Answer.giveUpOld();
        Unsettled.endDropped();
        Connections.recordAll();
        ended = hasEnded();
      } catch (Throwable fault) {
        Faults.report(fault);
      }
    }
  }

  /** Whoever comes between the two looks starts another thread, or keeps this one. */
  private static boolean hasEnded() {
    if (!isIdle()) {
      return false;
    }
    running.set(false);
    return isIdle() || !running.compareAndSet(false, true);
  }

  private static boolean isIdle() {
    return !Answer.areOwed() && !Unsettled.areWatched() && !Connections.areOpen();
  }
}
