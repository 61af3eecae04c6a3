package dev.natschat.chaos;

import io.nats.client.Connection;
import io.nats.client.JetStreamApiException;
import io.nats.client.JetStreamManagement;
import io.nats.client.api.ConsumerInfo;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Fills the stream to its limit while the workers are stalled, and sees it take messages again. */
final class StreamFill {
  static final double MOST_SECONDS = 5;

  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(90);
  private static final int SENTENCES = 280; // just below the 16 KiB that a text may have

  private final Rig rig;
  private final Publisher publisher;
  private final JetStreamManagement management;
  private final List<Drain> drains = new ArrayList<>();

  /**
   * @param afterResume until a publish was accepted, since the workers went on
   * @param afterDrain and since all of the stream was persisted: 0 when it was accepted earlier
   */
  record Drain(double afterResume, double afterDrain) {}

  StreamFill(Rig rig, Publisher publisher, Connection nats) throws IOException {
    this.rig = rig;
    this.publisher = publisher;
    this.management = nats.jetStreamManagement();
  }

  List<Drain> drains() {
    return drains;
  }

  void run() throws Exception {
    for (Program worker : rig.workers) {
      worker.stall();
    }
    try {
      fill();
    } finally {
      for (Program worker : rig.workers) {
        worker.resume();
      }
    }
    awaitAccepted();
  }

  private void fill() throws IOException, InterruptedException {
    int refused = publisher.count().refused();
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    for (int i = 0; publisher.count().refused() == refused; i++) {
      publisher.send(i % Publisher.ROOMS, SENTENCES);
      if (System.nanoTime() - deadline > 0) {
        throw new IOException("the stream did not fill up");
      }
    }
  }

  private void awaitAccepted() throws IOException, InterruptedException {
    long resumed = System.nanoTime();
    int before = publisher.count().acknowledged();
    Long drained = null;
    while (publisher.count().acknowledged() == before) {
      if (System.nanoTime() - resumed > PATIENCE_NANOS) {
        throw new IOException("the stream was filled and takes no messages any more");
      }
      publisher.send(0, 1);
      TimeUnit.MILLISECONDS.sleep(50);
      if (drained == null && isDrained()) {
        drained = System.nanoTime();
      }
    }
    long accepted = System.nanoTime();
    drains.add(
        new Drain((accepted - resumed) / 1e9, drained == null ? 0 : (accepted - drained) / 1e9));
  }

  /** Whether all of the stream is persisted, as far as its broker can tell. */
  boolean isDrained() {
    ConsumerInfo durable = durable();
    return durable != null && durable.getNumPending() == 0 && durable.getNumAckPending() == 0;
  }

  /** Null while nobody can tell. */
  @Nullable ConsumerInfo durable() {
    try {
      return management.getConsumerInfo("CHAT_MESSAGES", "persist-worker");
    } catch (IOException | JetStreamApiException e) {
      return null;
    }
  }
}
