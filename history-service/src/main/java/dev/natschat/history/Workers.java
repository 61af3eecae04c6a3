package dev.natschat.history;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads on which jnats runs its dispatcher and calls the handler. As many requests are
 * handled at once as there are workers, and no more wait than the queue holds. A request that finds
 * the queue full is handled at once on the dispatcher's own thread: the handler then answers that
 * it is too much.
 */
final class Workers extends ThreadPoolExecutor {
  /**
   * A request's.
   *
   * @param arrivedAt by System.nanoTime
   * @param foundNoPlace the queue was full
   */
  record Turn(long arrivedAt, boolean foundNoPlace) {}

  private final ThreadLocal<Turn> turn =
      ThreadLocal.withInitial(() -> new Turn(System.nanoTime(), false));

  Workers(int workers, int queue) {
    // One thread more: the dispatcher's loop never ends.
    super(workers + 1, workers + 1, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(queue));
    AtomicInteger number = new AtomicInteger();
    setThreadFactory(task -> new Thread(task, "history-" + number.incrementAndGet()));
  }

  /** That of the request that the calling thread now handles. */
  Turn turn() {
    return turn.get();
  }

  @Override
  public void execute(Runnable task) {
    long arrivedAt = System.nanoTime();
    try {
      super.execute(() -> run(task, new Turn(arrivedAt, false)));
    } catch (RejectedExecutionException full) {
      run(task, new Turn(arrivedAt, true));
    }
  }

  private void run(Runnable task, Turn its) {
    turn.set(its);
    task.run();
  }
}
