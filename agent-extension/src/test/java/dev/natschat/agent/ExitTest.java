package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ExitTest {
  private static final long SHORT = 100;
  private static final long LONG = 60_000;

  private final CountDownLatch end = new CountDownLatch(1);

  @AfterEach
  void endThreads() {
    end.countDown();
  }

  @Test
  void aThreadIsWaitedForByItsName() throws Exception {
    Thread thread = started("ExitTest-one");
    Future<Boolean> waiting = waiting(Set.of("ExitTest-one"), SHORT);
    assertLastsUntilTheEnd(waiting);
    assertThat(thread.isAlive()).isFalse();
  }

  @Test
  void eachOfThemIsWaitedFor() throws Exception {
    CountDownLatch firstEnd = new CountDownLatch(1);
    started("ExitTest-first", firstEnd);
    started("ExitTest-second");
    Future<Boolean> waiting = waiting(Set.of("ExitTest-first", "ExitTest-second"), SHORT);
    firstEnd.countDown();
    assertLastsUntilTheEnd(waiting);
  }

  @Test
  void whatStartsALittleLaterIsWaitedForToo() throws Exception {
    Future<Boolean> waiting = waiting(Set.of("ExitTest-late"), LONG);
    started("ExitTest-late");
    assertLastsUntilTheEnd(waiting);
  }

  @Test
  void aThreadThatGoesOnIsLeft() throws Exception {
    started("ExitTest-endless");
    assertThat(Exit.awaitEnd(Set.of("ExitTest-endless"), SHORT, 300)).isFalse();
  }

  @Test
  void whatIsNotThereHoldsNothingUp() throws Exception {
    assertThat(Exit.awaitEnd(Set.of("ExitTest-absent"), SHORT, LONG)).isTrue();
    assertThat(Exit.awaitEnd(Set.of(), LONG, LONG)).isTrue();
  }

  private void assertLastsUntilTheEnd(Future<Boolean> waiting) throws Exception {
    Thread.sleep(500); // longer than a thread is looked for that is not there
    assertThat(waiting).isNotDone();
    end.countDown();
    assertThat(waiting.get(LONG / 2, TimeUnit.MILLISECONDS)).isTrue();
  }

  private static Future<Boolean> waiting(Set<String> names, long appearance) {
    return ForkJoinPool.commonPool().submit(() -> Exit.awaitEnd(names, appearance, LONG));
  }

  private Thread started(String name) {
    return started(name, end);
  }

  private static Thread started(String name, CountDownLatch end) {
    Thread thread =
        new Thread(
            () -> {
              try {
                end.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            name);
    thread.start();
    return thread;
  }
}
