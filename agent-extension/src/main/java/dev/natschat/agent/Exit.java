package dev.natschat.agent;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The end of the JVM: who pauses is woken, and has some time left to finish. */
final class Exit {
  private static final CountDownLatch begun = new CountDownLatch(1);
  private static volatile long beginning;

  private final long graceNanos;

  static {
    Thread hook =
        new Thread(
            () -> {
              beginning = System.nanoTime();
              begun.countDown();
            },
            "natschat-exit");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  Exit(long graceMillis) {
    graceNanos = TimeUnit.MILLISECONDS.toNanos(graceMillis);
  }

  static boolean hasBegun() {
    return begun.getCount() == 0;
  }

  boolean isOver() {
    return hasBegun() && System.nanoTime() - beginning >= graceNanos;
  }

  /** Returns after that time, or soon after the end began. */
  static void pause(long millis) throws InterruptedException {
    if (begun.await(millis, TimeUnit.MILLISECONDS)) {
      Thread.sleep(Math.min(millis, 100));
    }
  }
}
