package dev.natschat.history;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
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

  private static final class NatsThread extends Thread {
    NatsThread(Runnable task) {
      super(task, "nats");
    }
  }

  private final ThreadLocal<Turn> turn =
      ThreadLocal.withInitial(() -> new Turn(System.nanoTime(), false));

  /** The dispatcher's loop, and what connects again: neither waits for a place in the queue. */
  private final ExecutorService ofNats =
      new ThreadPoolExecutor(
          0,
          Integer.MAX_VALUE,
          1,
          TimeUnit.SECONDS,
          new SynchronousQueue<>(),
          NatsThread::new,
          new ThreadPoolExecutor.DiscardPolicy()); // after the end

  Workers(int workers, int queue) {
    super(workers, workers, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(queue));
    AtomicInteger number = new AtomicInteger();
    setThreadFactory(task -> new Thread(task, "history-" + number.incrementAndGet()));
  }

  /** That of the request that the calling thread now handles. */
  Turn turn() {
    return turn.get();
  }

  /** Requests come from the dispatcher; whatever comes from elsewhere is none. */
  @Override
  public void execute(Runnable task) {
    if (Thread.currentThread() instanceof NatsThread) {
      executeRequest(task);
    } else {
      ofNats.execute(task);
    }
  }

  private void executeRequest(Runnable task) {
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

  /**
   * Once the dispatcher is drained: waits for what it has handed on.
   *
   * @param millis for the dispatcher, and again for the requests
   */
  void finish(long millis) throws InterruptedException {
    ofNats.shutdown();
    boolean unused = ofNats.awaitTermination(millis, TimeUnit.MILLISECONDS);
    shutdown();
    unused = awaitTermination(millis, TimeUnit.MILLISECONDS);
  }
}
