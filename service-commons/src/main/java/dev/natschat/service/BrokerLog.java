package dev.natschat.service;

import io.nats.client.Connection;
import io.nats.client.ConnectionListener;
import io.nats.client.Consumer;
import io.nats.client.ErrorListener;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says what becomes of a connection to NATS, once each: it may be lost, or its user refused, for
 * hours, with two tries a second. Safe for use by many threads, as jnats does.
 */
public class BrokerLog implements ConnectionListener, ErrorListener {
  private static final Logger log = LoggerFactory.getLogger(BrokerLog.class);

  /** A refused user is refused again in every try, a refused message whenever it is published. */
  private static final long SAME_ERROR_AGAIN_NANOS = Duration.ofMinutes(1).toNanos();

  /** What jnats calls a broker that hangs, or is cut off. It then connects again by itself. */
  private static final String NO_PONG = "Max outgoing Ping count exceeded.";

  private enum State {
    WAITING,
    CONNECTED,
    LOST
  }

  private final String ofSlowConsumer;
  private final LinesPerSecond errors = new LinesPerSecond(1);
  private final LinesPerSecond faults = new LinesPerSecond(1);
  private State state = State.WAITING;
  private String lastError = "";
  private long lastErrorAt;
  private long slowConsumerSaidAt = System.nanoTime() - SAME_ERROR_AGAIN_NANOS;

  /**
   * @param ofSlowConsumer what it means for the service's users that messages were dropped unread
   */
  public BrokerLog(String ofSlowConsumer) {
    this.ofSlowConsumer = ofSlowConsumer;
  }

  @Override
  @SuppressWarnings("deprecation") // the one method that the interface asks for
  public synchronized void connectionEvent(Connection nats, Events event) {
    switch (event) {
      case CONNECTED, RECONNECTED -> {
        state = State.CONNECTED;
        lastError = "";
        log.info("Connected to NATS at {}", nats.getConnectedUrl());
      }
      case DISCONNECTED -> { // also after each try that fails
        if (state == State.CONNECTED) {
          state = State.LOST;
          lastError = ""; // what was refused before is not why
          log.warn("Lost the connection to NATS; connecting again");
        }
      }
      case CLOSED -> { // by the service itself, or by jnats when it is refused twice in a row
        if (state == State.LOST && !lastError.isEmpty()) {
          log.error("NATS refuses us for good ({}); wrong NATS_USER or NATS_PASS?", lastError);
        }
        state = State.WAITING; // said once, however often it is told
      }
      case LAME_DUCK -> log.info("NATS at {} says that it will stop", nats.getConnectedUrl());
      default -> log.debug("{}", event);
    }
  }

  @Override
  public void errorOccurred(Connection nats, String error) {
    if (isNews(error)) {
      log.warn("NATS says: {}", error);
    }
  }

  /** Others can make the server refuse something at will, in ever other words. */
  private synchronized boolean isNews(String error) {
    long now = System.nanoTime();
    boolean known = error.equals(lastError) && now - lastErrorAt < SAME_ERROR_AGAIN_NANOS;
    if (known || !errors.take()) {
      return false;
    }
    lastError = error;
    lastErrorAt = now;
    return true;
  }

  /** A handler's, or a fault in jnats; what becomes of a broken connection is said already. */
  @Override
  public void exceptionOccurred(Connection nats, Exception exception) {
    if (NO_PONG.equals(exception.getMessage())) {
      log.warn("NATS answers no pings: it hangs, or cannot be reached");
    } else if (exception instanceof RuntimeException && faults.take()) {
      log.error("Failed on a thread of the connection to NATS", exception);
    } else {
      log.debug("In the connection to NATS", exception);
    }
  }

  @Override
  public void slowConsumerDetected(Connection nats, Consumer consumer) {
    if (isNewsOfSlowConsumer()) {
      log.warn("{}", ofSlowConsumer);
    }
  }

  /** It may have caught up before, for one message: thousands of times a second, in a flood. */
  private synchronized boolean isNewsOfSlowConsumer() {
    long now = System.nanoTime();
    if (now - slowConsumerSaidAt < SAME_ERROR_AGAIN_NANOS) {
      return false;
    }
    slowConsumerSaidAt = now;
    return true;
  }
}
