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
    finish();
  }

  @Test
  void aRequestKnowsWhenItArrived() throws Exception {
    occupyTheWorker();
    BlockingQueue<Turn> turns = new LinkedBlockingQueue<>();
    long before = System.nanoTime();
    dispatch(() -> turns.add(workers.turn()));
    long after = System.nanoTime();
    free.countDown();
    Turn turn = turns.take();
    assertThat(turn.arrivedAt() - before).isBetween(0L, after - before);
    assertThat(turn.foundNoPlace()).isFalse();
  }

  @Test
  void aRequestThatTheQueueCannotHoldIsHandledAtOnce() throws Exception {
    occupyTheWorker();
    dispatch(() -> {});
    BlockingQueue<Turn> turns = new LinkedBlockingQueue<>();
    dispatch(() -> turns.add(workers.turn()));
    assertThat(turns).singleElement().satisfies(turn -> assertThat(turn.foundNoPlace()).isTrue());
  }

  @Test // jnats connects again by a task of its reader's, which that task waits for
  void whatIsNoRequestNeitherWaitsForOneNorRunsOnItsCaller() throws Exception {
    occupyTheWorker();
    dispatch(() -> {});
    assertThat(workers.submit(Thread::currentThread).get()).isNotSameAs(Thread.currentThread());
  }

  @Test
  void atItsEndWhatTheDispatcherHandedOnIsDone() throws Exception {
    BlockingQueue<Turn> turns = new LinkedBlockingQueue<>();
    workers.execute(
        () -> {
          awaitFree();
          workers.execute(() -> turns.add(workers.turn()));
        });
    Thread finishing = new Thread(this::finish);
    finishing.start();
    free.countDown();
    finishing.join();
    assertThat(turns).singleElement().satisfies(turn -> assertThat(turn.foundNoPlace()).isFalse());
  }

  private void finish() {
    try {
      workers.finish(60_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void occupyTheWorker() throws Exception {
    dispatch(this::awaitFree);
  }

  /** As jnats' dispatcher does it, whose loop was given to the same executor. */
  private void dispatch(Runnable request) throws Exception {
    workers.submit(() -> workers.execute(request)).get();
  }

  private void awaitFree() {
    try {
      free.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
