package dev.natschat.agent;

import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The end of the JVM. It begins when the application's own threads that have something to do then
 * are done; who pauses is woken, and has some time left to finish.
 */
final class Exit {
  private static final Logger logger = Logger.getLogger("dev.natschat.agent");

  /** As long as the SDK then waits for the export of what is left. */
  private static final long LONGEST_WAIT_MILLIS = 10_000;

  /** The JVM starts all shutdown hooks in one go, in any order: one may not be there yet. */
  private static final long APPEARANCE_MILLIS = 250;

  private static final CountDownLatch begun = new CountDownLatch(1);
  private static volatile Set<String> applicationThreads = Collections.emptySet();
  private static volatile long beginning;

  private final long graceNanos;

  static {
    Thread hook =
        new Thread(
            () -> {
              if (!awaitApplication()) {
                logger.warning(
                    "After "
                        + LONGEST_WAIT_MILLIS
                        + " ms threads of "
                        + applicationThreads
                        + " are still alive; the telemetry of what they still do is lost.");
              }
              beginning = System.nanoTime();
              begun.countDown();
            },
            "natschat-exit");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  Exit(long graceMillis) {
    graceNanos = TimeUnit.MILLISECONDS.toNanos(graceMillis);
  }

  /** Names of shutdown hooks, or of threads that these wait for. */
  static void beginsAfter(Set<String> threads) {
    applicationThreads = threads;
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

  /**
   * To be called when the JVM ends. False if the application's threads live longer than is waited.
   * Returns early, with the interrupt still set, when interrupted.
   */
  static boolean awaitApplication() {
    try {
      return awaitEnd(applicationThreads, APPEARANCE_MILLIS, LONGEST_WAIT_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return true;
    }
  }

  /**
   * False if one of them lives longer than the longest time; until the time of their appearance it
   * is waited for those that are not there. The calling thread is none of them.
   */
  static boolean awaitEnd(Set<String> names, long appearanceMillis, long longestMillis)
      throws InterruptedException {
    long start = System.nanoTime();
    Set<String> unseen = new HashSet<>(names);
    while (true) {
      long left = longestMillis - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      Thread alive = anyAlive(names);
      if (alive != null && left <= 0) {
        return false;
      } else if (alive != null) {
        unseen.remove(alive.getName());
        alive.join(left);
      } else if (unseen.isEmpty() || left <= longestMillis - appearanceMillis) {
        return true;
      } else {
        Thread.sleep(5);
      }
    }
  }

  private static @Nullable Thread anyAlive(Set<String> names) {
    ThreadGroup group = Thread.currentThread().getThreadGroup();
    while (group.getParent() != null) {
      group = group.getParent();
    }
    Thread[] threads = new Thread[2 * group.activeCount() + 16];
    int count = group.enumerate(threads);
    for (int i = 0; i < count; i++) {
      if (names.contains(threads[i].getName()) && threads[i] != Thread.currentThread()) {
        return threads[i];
      }
    }
    return null;
  }
}
