package dev.natschat.persist;

import dev.natschat.service.BrokerConnection;
import dev.natschat.service.HealthFile;
import io.nats.client.Connection;
import io.nats.client.Message;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves chat messages from the stream into PostgreSQL, each exactly once, acknowledged after the
 * commit.
 */
public final class PersistWorker {
  private static final Logger log = LoggerFactory.getLogger(PersistWorker.class);
  private static final long FIRST_PAUSE_MILLIS = 100;
  private static final long LONGEST_PAUSE_MILLIS = 2000;

  /** For the statement under way; then as long again for handing back: 10 s in all. */
  private static final long STOP_MILLIS = 4500;

  private final Inbox inbox;
  private final MessageStore store;
  private final CountDownLatch stopping = new CountDownLatch(1);

  PersistWorker(Inbox inbox, MessageStore store) {
    this.inbox = inbox;
    this.store = store;
  }

  @SuppressWarnings("try") // an interrupted close is of no concern: the process ends
  public static void main(String[] args) throws Exception {
    Config config = Config.fromEnvironment(); // exits 64 with every problem listed
    Future<MessageStore> opening = open(config);
    try (Connection nats = Broker.connect(config); // waits for NATS
        MessageStore store = opened(opening, nats); // waits for PostgreSQL
        Inbox inbox = new Inbox(nats, store::lacks, config);
        HealthFile health =
            new HealthFile(config.healthFile(), () -> inbox.isConsuming() && store.answers())) {
      PersistWorker worker = new PersistWorker(inbox, store);
      Thread running = Thread.currentThread();
      Runtime.getRuntime().addShutdownHook(new Thread(() -> worker.stop(running), "shutdown"));
      worker.run();
    }
  }

  /** On a thread of its own: the schema and NATS each take a good part of the start. */
  private static Future<MessageStore> open(Config config) {
    FutureTask<MessageStore> opening = new FutureTask<>(() -> MessageStore.open(config));
    Thread thread = new Thread(opening, "database-opening");
    thread.setDaemon(true);
    thread.start();
    return opening;
  }

  /**
   * Waits no longer than there is NATS.
   *
   * @throws IllegalStateException when the connection was closed for good
   */
  private static MessageStore opened(Future<MessageStore> opening, Connection nats)
      throws ExecutionException, InterruptedException {
    Future<?> unused = BrokerConnection.closed(nats).thenRun(() -> opening.cancel(false));
    try {
      return opening.get();
    } catch (CancellationException e) {
      throw new IllegalStateException("the connection to NATS was closed", e); // the log says why
    }
  }

  /** Returns after {@link #stop}, when everything unpersisted was handed back. */
  void run() throws InterruptedException {
    List<Message> batch = List.of();
    long pause = FIRST_PAUSE_MILLIS;
    while (stopping.getCount() > 0) {
      try {
        if (store.connect()) {
          inbox.databaseIsNew();
        }
        if (batch.isEmpty()) {
          batch = inbox.nextBatch();
        } else {
          inbox.lookAfterStream(); // an outage is time enough for another stream
        }
        if (!inbox.isDatabaseKnown()) { // JetStream did not answer
          boolean unused = stopping.await(FIRST_PAUSE_MILLIS, TimeUnit.MILLISECONDS);
        } else if (batch.isEmpty()) {
          store.check();
        } else {
          store.persist(batch);
          batch = List.of();
        }
        pause = FIRST_PAUSE_MILLIS;
      } catch (SQLException e) {
        store.failed(e); // the batch is kept; as nothing more is pulled, nothing is redelivered
        boolean unused = stopping.await(pause, TimeUnit.MILLISECONDS);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
      }
    }
    inbox.handBack(batch);
    log.info("Stopped");
  }

  /** Waits for the end of {@code running}; a statement that hangs is broken off. */
  void stop(Thread running) {
    stopping.countDown();
    try {
      running.join(STOP_MILLIS);
      if (running.isAlive()) {
        store.cancel();
        running.join(STOP_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
