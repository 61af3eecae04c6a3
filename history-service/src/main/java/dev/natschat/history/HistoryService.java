package dev.natschat.history;

import dev.natschat.service.BrokerConnection;
import dev.natschat.service.HealthFile;
import io.nats.client.Connection;
import io.nats.client.Connection.Status;
import io.nats.client.Dispatcher;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers {@code chat.history.<room>} with the room's last 50 messages. */
public final class HistoryService implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(HistoryService.class);
  private static final String QUEUE_GROUP = "history-service";

  /** Requests that may wait for a worker: some 50 ms of work. */
  private static final int WAITING_REQUESTS = 256;

  /** Messages that may wait for the dispatcher, which does no more than hand them on. */
  private static final int UNDISPATCHED_MESSAGES = 16 * 1024;

  private static final Duration DRAIN = Duration.ofSeconds(4);
  private static final Duration FLUSH = Duration.ofSeconds(2);

  private final Workers workers;
  private final MessageStore store;
  private final Connection nats;
  private final Dispatcher dispatcher;
  private final HealthFile health;
  private final CompletableFuture<Void> closed;

  /** Waits for NATS; without PostgreSQL it answers, but with errors. */
  HistoryService(Config config) throws InterruptedException {
    workers = new Workers(config.workers(), WAITING_REQUESTS);
    store = MessageStore.open(config);
    nats = Broker.connect(config, workers);
    closed = BrokerConnection.closed(nats);
    dispatcher = nats.createDispatcher();
    dispatcher.setPendingLimits(UNDISPATCHED_MESSAGES, -1);
    dispatcher.subscribe(
        HistoryRequests.SUBJECT, QUEUE_GROUP, new HistoryRequests(store, workers, new Metrics()));
    BrokerConnection.awaitSubscribed(nats);
    health = new HealthFile(config.healthFile(), this::isReady);
    log.info("Answering {}", HistoryRequests.SUBJECT);
  }

  public static void main(String[] args) throws InterruptedException {
    Config config = Config.fromEnvironment(); // exits 64 with every problem listed
    HistoryService service = new HistoryService(config); // waits for NATS
    Runtime.getRuntime().addShutdownHook(new Thread(service::close, "shutdown"));
    service.closed.join();
    System.exit(1); // whoever started us starts us again
  }

  /** Whether requests are both received and answered. */
  boolean isReady() {
    return nats.getStatus() == Status.CONNECTED && store.isAvailable();
  }

  /** Takes no more requests, answers those it has, and lets go of everything. */
  @Override
  public void close() {
    health.close();
    try {
      dispatcher.drain(DRAIN).get(DRAIN.toMillis(), TimeUnit.MILLISECONDS);
      workers.finish(DRAIN.toMillis());
      nats.flush(FLUSH); // closing the connection drops what its writer has not yet sent
      nats.close();
      log.info("Stopped");
    } catch (Exception e) {
      log.warn("Stopped before every request was answered", e);
    }
    store.close();
  }
}
