package dev.natschat.history;

import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads on which jnats runs its dispatcher and calls the handler. As many requests are
 * handled at once as there are workers, and no more wait than the queue holds. A request that finds
 * the queue full is handled at once on the dispatcher's own thread, as one that has waited for
 * ever: the handler then answers that it is too much.
 */
final class Workers extends ThreadPoolExecutor {
  private static final Duration FOREVER = Duration.ofSeconds(Long.MAX_VALUE);

  private final ThreadLocal<Duration> waited = ThreadLocal.withInitial(() -> Duration.ZERO);

  Workers(int workers, int queue) {
    // One thread more: the dispatcher's loop never ends.
    super(workers + 1, workers + 1, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(queue));
    AtomicInteger number = new AtomicInteger();
    setThreadFactory(task -> new Thread(task, "history-" + number.incrementAndGet()));
  }

  /** How long the request that the calling thread now handles has waited for a worker. */
  Duration waited() {
    return waited.get();
  }

  @Override
  public void execute(Runnable task) {
    long arrived = System.nanoTime();
    try {
      super.execute(() -> runAfter(Duration.ofNanos(System.nanoTime() - arrived), task));
    } catch (RejectedExecutionException full) {
      runAfter(FOREVER, task);
    }
  }

  private void runAfter(Duration waiting, Runnable task) {
    waited.set(waiting);
    task.run();
  }
}
