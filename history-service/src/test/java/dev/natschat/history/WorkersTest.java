package dev.natschat.history;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class WorkersTest {
  private final Workers workers = new Workers(1, 1);
  private final CountDownLatch free = new CountDownLatch(1);

  @AfterEach
  void stop() {
    free.countDown();
    workers.shutdown();
  }

  @Test
  void aTaskKnowsHowLongItWaited() throws InterruptedException {
    occupyEveryThread();
    BlockingQueue<Duration> waited = new LinkedBlockingQueue<>();
    long start = System.nanoTime();
    workers.execute(() -> waited.add(workers.waited()));
    free.countDown();
    assertThat(waited.take())
        .isBetween(Duration.ofNanos(1), Duration.ofNanos(System.nanoTime() - start));
  }

  @Test
  void whatTheQueueCannotHoldRunsAtOnceAsWaitedForEver() {
    occupyEveryThread();
    workers.execute(() -> {});
    BlockingQueue<Duration> waited = new LinkedBlockingQueue<>();
    workers.execute(() -> waited.add(workers.waited()));
    assertThat(waited)
        .singleElement()
        .satisfies(time -> assertThat(time).isGreaterThan(Duration.ofDays(1)));
  }

  private void occupyEveryThread() {
    for (int i = 0; i < workers.getMaximumPoolSize(); i++) {
      workers.execute(this::awaitFree);
    }
  }

  private void awaitFree() {
    try {
      free.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
