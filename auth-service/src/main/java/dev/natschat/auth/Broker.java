package dev.natschat.auth;

import io.nats.client.Connection;
import io.nats.client.ConnectionListener;
import io.nats.client.Consumer;
import io.nats.client.ErrorListener;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.io.IOException;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The connection to NATS: waited for at the start, kept up for ever. */
final class Broker {
  private static final Logger log = LoggerFactory.getLogger(Broker.class);
  private static final Duration RETRY = Duration.ofMillis(500);

  /** The third without an answer ends the connection: a broker whose host is gone closes none. */
  private static final Duration BETWEEN_PINGS = Duration.ofSeconds(10);

  private Broker() {}

  /**
   * Waits for the broker.
   *
   * @param stopping asked beside the interrupt, which jnats takes for a failure to connect
   * @throws InterruptedException when it is stopping
   */
  static Connection connect(Config config, BooleanSupplier stopping) throws InterruptedException {
    Listener listener = new Listener();
    Options options =
        Options.builder()
            .server(config.natsUrl())
            .userInfo(config.natsUser(), config.natsPassword())
            .connectionName("auth-service")
            .maxReconnects(-1)
            .reconnectWait(RETRY)
            .pingInterval(BETWEEN_PINGS)
            .connectionListener(listener)
            .errorListener(listener)
            .build();
    boolean told = false;
    while (!stopping.getAsBoolean()) {
      try {
        Connection nats = Nats.connect(options);
        if (!stopping.getAsBoolean()) {
          return nats;
        }
        nats.close();
      } catch (IOException e) {
        if (!told) {
          log.warn("no NATS at {}: {}; trying on", config.natsUrl(), e.getMessage());
          told = true;
        }
        Thread.sleep(RETRY.toMillis());
      }
    }
    throw new InterruptedException("stopped while it connected");
  }

  /** Tells that the connection is lost or back, but not of each attempt in between. */
  private static final class Listener implements ConnectionListener, ErrorListener {
    private volatile boolean connected;

    @SuppressWarnings("deprecation") // the interface still demands it
    @Override
    public void connectionEvent(Connection connection, Events event) {
      switch (event) {
        case CONNECTED, RECONNECTED -> changed(true, event);
        case DISCONNECTED, CLOSED -> changed(false, event);
        default -> log.info("{}", event);
      }
    }

    private void changed(boolean now, Events event) {
      if (connected != now) {
        connected = now;
        log.info("{}", event);
      }
    }

    @Override
    public void errorOccurred(Connection connection, String error) {
      log.warn("NATS: {}", error);
    }

    @Override
    public void exceptionOccurred(Connection connection, Exception e) {
      if (connected) {
        log.warn("NATS: {}", e.toString());
      }
    }

    @Override
    public void slowConsumerDetected(Connection connection, Consumer consumer) {
      log.warn("NATS: requests come faster than they are taken; some were dropped");
    }
  }
}
