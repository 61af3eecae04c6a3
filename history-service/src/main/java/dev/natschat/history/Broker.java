package dev.natschat.history;

import dev.natschat.service.LinesPerSecond;
import io.nats.client.Connection;
import io.nats.client.ConnectionListener;
import io.nats.client.Consumer;
import io.nats.client.ErrorListener;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The connection to NATS: waited for at the start, and made again whenever it is lost. */
final class Broker {
  private static final Logger log = LoggerFactory.getLogger(Broker.class);
  private static final Duration BETWEEN_TRIES = Duration.ofSeconds(1);

  /** The third without an answer ends the connection: a broker whose host is gone closes none. */
  private static final Duration BETWEEN_PINGS = Duration.ofSeconds(10);

  private Broker() {}

  /**
   * Returns when the broker has let the service in.
   *
   * @param workers run the handlers, each from its start to its end: so does the handler's span
   */
  static Connection connect(Config config, Workers workers) throws InterruptedException {
    Options options = options(config, workers);
    boolean said = false;
    while (true) {
      try {
        return Nats.connect(options);
      } catch (IOException e) {
        if (!said) {
          log.warn("Waiting for NATS at {}: {}", config.natsUrl(), e.getMessage());
          said = true;
        }
        Thread.sleep(BETWEEN_TRIES.toMillis());
      }
    }
  }

  private static Options options(Config config, Workers workers) {
    Listener listener = new Listener();
    return Options.builder()
        .servers(config.natsUrl().split(","))
        .userInfo(config.natsUser(), config.natsPass())
        .connectionName("history-service")
        .supportUTF8Subjects() // rooms have names in every script
        .maxReconnects(-1)
        .reconnectWait(BETWEEN_TRIES)
        .pingInterval(BETWEEN_PINGS)
        .executor(workers)
        .useDispatcherWithExecutor()
        .readerThreadFactory(task -> new Thread(task, "nats-reader"))
        .writerThreadFactory(task -> new Thread(task, "nats-writer"))
        .connectionListener(listener)
        .errorListener(listener)
        .build();
  }

  private static final class Listener implements ConnectionListener, ErrorListener {
    private final LinesPerSecond errors = new LinesPerSecond(1);

    @Override
    @SuppressWarnings("deprecation") // the one method that the interface asks for
    public void connectionEvent(Connection nats, Events event) {
      switch (event) {
        case CONNECTED, RECONNECTED -> log.info("Connected to NATS at {}", nats.getConnectedUrl());
        case DISCONNECTED -> log.warn("Lost the connection to NATS; connecting again");
        default -> log.debug("{}", event);
      }
    }

    @Override
    public void errorOccurred(Connection nats, String error) {
      // A user who names a foreign reply subject makes one of each request.
      if (errors.take()) {
        log.warn("NATS says: {}", error);
      }
    }

    @Override
    public void exceptionOccurred(Connection nats, Exception exception) {
      if (exception instanceof RequestFailed || exception instanceof IOException) {
        return; // the requester was told, or the connection listener says it
      }
      log.error("A request was left without an answer", exception);
    }

    @Override
    public void slowConsumerDetected(Connection nats, Consumer consumer) {
      log.warn("Requests arrive faster than they can even be refused; some are dropped");
    }
  }
}
