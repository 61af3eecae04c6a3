package dev.natschat.service;

import io.nats.client.Connection;
import io.nats.client.Connection.Status;
import io.nats.client.ConnectionListener;
import io.nats.client.ConnectionListener.Events;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The connection to NATS: waited for at the start, and made again whenever it is lost. */
public final class BrokerConnection {
  private static final Logger log = LoggerFactory.getLogger(BrokerConnection.class);
  private static final Duration BETWEEN_TRIES = Duration.ofMillis(500);

  /** The third without an answer ends the connection: a broker whose host is gone closes none. */
  private static final Duration BETWEEN_PINGS = Duration.ofSeconds(10);

  private static final Duration LONGEST_FLUSH = Duration.ofSeconds(2);

  /**
   * A line of the broker's: a subject and a reply subject as long as it takes them
   * (max_control_line in nats.conf), and what it adds. At a longer one jnats stops reading.
   */
  private static final int MAX_CONTROL_LINE = 20 * 1024;

  private BrokerConnection() {}

  /**
   * What all services ask for; each adds its name, and what else is its own.
   *
   * @param urls one or several, separated by commas
   */
  public static Options.Builder options(
      String urls, String user, String password, BrokerLog brokerLog) {
    return Options.builder()
        .servers(urls.split(",", -1))
        .userInfo(user, password)
        .maxReconnects(-1)
        .reconnectWait(BETWEEN_TRIES)
        .pingInterval(BETWEEN_PINGS)
        .maxControlLine(MAX_CONTROL_LINE)
        .dataPortType(TolerantPort.class.getName())
        .connectionListener(brokerLog)
        .errorListener(brokerLog);
  }

  /**
   * Returns when the broker has let the service in.
   *
   * @throws InterruptedException when the thread is interrupted
   */
  public static Connection connect(Options options) throws InterruptedException {
    return connect(options, () -> false);
  }

  /**
   * Returns when the broker has let the service in.
   *
   * @param stopping asked beside the interrupt, which jnats takes for a failure to connect
   * @throws InterruptedException when the thread is interrupted, or {@code stopping} is true
   */
  public static Connection connect(Options options, BooleanSupplier stopping)
      throws InterruptedException {
    boolean said = false;
    while (!stopping.getAsBoolean()) {
      try {
        Connection nats = Nats.connect(options);
        if (!stopping.getAsBoolean()) {
          return nats;
        }
        nats.close();
      } catch (IOException e) {
        if (!said) {
          log.warn(
              "Waiting for NATS at {} as {}: {}",
              options.getServers(),
              options.getConnectionName(),
              e.getMessage());
          said = true;
        }
        Thread.sleep(BETWEEN_TRIES.toMillis());
      }
    }
    throw new InterruptedException("stopped while it connected");
  }

  /**
   * Returns when the broker knows the subscriptions. Who asks a service that has only just written
   * them would not reach it.
   *
   * @throws InterruptedException when the thread is interrupted
   */
  public static void awaitSubscribed(Connection nats) throws InterruptedException {
    try {
      nats.flush(LONGEST_FLUSH);
    } catch (TimeoutException lost) { // jnats subscribes again when it has connected again
      log.debug("The connection was lost while the service subscribed", lost);
    }
  }

  /**
   * Complete when the connection is closed: by the service, or because NATS refuses it for good, of
   * which the log tells before. Whoever started the service starts it again, with the secrets of
   * then.
   */
  @SuppressWarnings("deprecation") // the one method that the interface asks for
  public static CompletableFuture<Void> closed(Connection nats) {
    CompletableFuture<Void> closed = new CompletableFuture<>();
    ConnectionListener brokerLog = nats.getOptions().getConnectionListener();
    nats.addConnectionListener(
        (connection, event) -> {
          if (event == Events.CLOSED) {
            if (brokerLog != null) { // jnats tells its listeners in any order
              brokerLog.connectionEvent(connection, event);
            }
            closed.complete(null);
          }
        });
    if (nats.getStatus() == Status.CLOSED) { // before anybody listened
      closed.complete(null);
    }
    return closed;
  }
}
