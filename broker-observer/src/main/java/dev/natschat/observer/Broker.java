package dev.natschat.observer;

import io.nats.client.Connection;
import io.nats.client.ConnectionListener;
import io.nats.client.Consumer;
import io.nats.client.ErrorListener;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The connection to NATS: waited for at the start, and made again whenever it is lost. */
final class Broker {
  private static final Logger log = LoggerFactory.getLogger(Broker.class);
  private static final Duration BETWEEN_TRIES = Duration.ofSeconds(1);

  /** A server that is alive but silent is left after two unanswered pings. */
  private static final Duration BETWEEN_PINGS = Duration.ofSeconds(10);

  private Broker() {}

  /**
   * Returns when the broker has let this user in. The only replies that it may hear are those to an
   * inbox that begins with its name.
   */
  static Connection connect(Config config, String user) throws InterruptedException {
    Listener listener = new Listener();
    Options options =
        Options.builder()
            .servers(config.natsUrl().split(",", -1))
            .userInfo(user, config.natsPass())
            .connectionName(user)
            .inboxPrefix("_SINBOX." + user)
            .maxReconnects(-1)
            .reconnectWait(BETWEEN_TRIES)
            .reconnectBufferSize(0) // a question is of no use after its round
            .pingInterval(BETWEEN_PINGS)
            .connectionListener(listener)
            .errorListener(listener)
            .build();
    boolean said = false;
    while (true) {
      try {
        return Nats.connect(options);
      } catch (IOException e) {
        if (!said) {
          log.warn("Waiting for NATS at {} as {}: {}", config.natsUrl(), user, e.getMessage());
          said = true;
        }
        Thread.sleep(BETWEEN_TRIES.toMillis());
      }
    }
  }

  private static final class Listener implements ConnectionListener, ErrorListener {
    private final AtomicBoolean lost = new AtomicBoolean();
    private final AtomicReference<String> refused = new AtomicReference<>("");

    @Override
    @SuppressWarnings("deprecation") // the one method that the interface asks for
    public void connectionEvent(Connection nats, Events event) {
      switch (event) {
        case CONNECTED, RECONNECTED -> {
          lost.set(false);
          refused.set("");
          log.info("Connected to NATS at {}", nats.getConnectedUrl());
        }
        case DISCONNECTED -> { // also after each try that fails
          if (!lost.getAndSet(true)) {
            log.warn("Lost the connection to NATS; connecting again");
          }
        }
        default -> log.debug("{}", event);
      }
    }

    /** A refused question is refused again in every round, a refused user in every try. */
    @Override
    public void errorOccurred(Connection nats, String error) {
      if (!error.equals(refused.getAndSet(error))) {
        log.warn("NATS says: {}", error);
      }
    }

    @Override
    public void exceptionOccurred(Connection nats, Exception exception) {
      log.debug("In the connection to NATS", exception); // the connection listener says the rest
    }

    @Override
    public void slowConsumerDetected(Connection nats, Consumer consumer) {
      log.warn("More was answered than can be read; some of it is missing in the metrics");
    }
  }
}
