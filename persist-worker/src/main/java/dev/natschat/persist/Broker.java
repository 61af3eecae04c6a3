package dev.natschat.persist;

import io.nats.client.Connection;
import io.nats.client.ConnectionListener;
import io.nats.client.Consumer;
import io.nats.client.ErrorListener;
import io.nats.client.JetStreamSubscription;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.support.Status;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The connection to NATS: waited for at the start, and made again whenever it is lost. */
final class Broker {
  private static final Logger log = LoggerFactory.getLogger(Broker.class);
  private static final Duration BETWEEN_TRIES = Duration.ofMillis(500);

  /** A server that is alive but silent is left after two unanswered pings. */
  private static final Duration BETWEEN_PINGS = Duration.ofSeconds(10);

  /** The only subjects this user may subscribe to. */
  private static final String INBOX_PREFIX = "_SINBOX.persist-worker";

  private Broker() {}

  /** Returns when the broker has let the worker in. */
  static Connection connect(Config config) throws InterruptedException {
    Listener listener = new Listener();
    Options options =
        Options.builder()
            .servers(config.natsUrl().split(",", -1))
            .userInfo(config.natsUser(), config.natsPass())
            .connectionName("persist-worker")
            .inboxPrefix(INBOX_PREFIX)
            .maxReconnects(-1)
            .supportUTF8Subjects()
            .reconnectWait(BETWEEN_TRIES)
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
          log.warn("Waiting for NATS at {}: {}", config.natsUrl(), e.getMessage());
          said = true;
        }
        Thread.sleep(BETWEEN_TRIES.toMillis());
      }
    }
  }

  private static final class Listener implements ConnectionListener, ErrorListener {
    private final AtomicBoolean lost = new AtomicBoolean();

    @Override
    @SuppressWarnings("deprecation") // the one method that the interface asks for
    public void connectionEvent(Connection nats, Events event) {
      switch (event) {
        case CONNECTED, RECONNECTED -> {
          lost.set(false);
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

    @Override
    public void errorOccurred(Connection nats, String error) {
      log.warn("NATS says: {}", error);
    }

    @Override
    public void exceptionOccurred(Connection nats, Exception exception) {
      log.debug("In the connection to NATS", exception); // the connection listener says the rest
    }

    @Override
    public void slowConsumerDetected(Connection nats, Consumer consumer) {
      log.error("Messages were dropped unread; the broker will deliver them again");
    }

    @Override
    public void pullStatusWarning(
        Connection nats, JetStreamSubscription subscription, Status status) {
      log.debug("A pull request ended: {}", status);
    }

    @Override
    public void pullStatusError(
        Connection nats, JetStreamSubscription subscription, Status status) {
      log.debug("A pull request ended: {}", status); // the inbox looks after it
    }
  }
}
