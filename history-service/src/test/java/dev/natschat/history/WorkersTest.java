package dev.natschat.history;

import static org.assertj.core.api.Assertions.assertThat;

import dev.natschat.history.Workers.Turn;
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
  void aTaskKnowsWhenItArrived() throws InterruptedException {
    occupyEveryThread();
    BlockingQueue<Turn> turns = new LinkedBlockingQueue<>();
    long before = System.nanoTime();
    workers.execute(() -> turns.add(workers.turn()));
    long after = System.nanoTime();
    free.countDown();
    Turn turn = turns.take();
    assertThat(turn.arrivedAt() - before).isBetween(0L, after - before);
    assertThat(turn.foundNoPlace()).isFalse();
  }

  @Test
  void whatTheQueueCannotHoldRunsAtOnce() {
    occupyEveryThread();
    workers.execute(() -> {});
    BlockingQueue<Turn> turns = new LinkedBlockingQueue<>();
    workers.execute(() -> turns.add(workers.turn()));
    assertThat(turns).singleElement().satisfies(turn -> assertThat(turn.foundNoPlace()).isTrue());
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
