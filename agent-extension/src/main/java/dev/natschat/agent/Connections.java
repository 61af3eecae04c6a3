package dev.natschat.agent;

import io.nats.client.Connection;
import io.nats.client.Statistics;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/**
 * What jnats itself counts for each connection, turned into metrics once a second and when the
 * connection closes.
 */
final class Connections {
  private static final AttributeKey<String> DIRECTION =
      AttributeKey.stringKey("network.io.direction");
  private static final ConcurrentMap<Connection, Connections> open = new ConcurrentHashMap<>();

  private final Connection connection;
  private @Nullable Attributes server;
  private long messagesIn;
  private long messagesOut;
  private long bytesIn;
  private long bytesOut;
  private long reconnects;
  private long dropped;
  private long outstanding;
  private boolean failed;

  private Connections(Connection connection) {
    this.connection = connection;
  }

  static void opens(Connection connection) {
    open.putIfAbsent(connection, new Connections(connection));
    Housekeeping.start();
  }

  /** It could not connect: the application has none that it could close. */
  static void failed(Connection connection) {
    Connections known = open.remove(connection);
    if (known != null) {
      known.fail();
    }
  }

  /** A connection that drains may return from its close before it is closed. */
  static void closed(Connection connection) {
    Connections known = open.get(connection);
    if (known != null) {
      known.update();
    }
  }

  /** A subscription's queue is full; jnats tells once until it has recovered. */
  static void slowConsumer(Connection connection) {
    Metrics.slowConsumers.add(1, attributes(ServerAddress.of(connection)));
  }

  static boolean areOpen() {
    return !open.isEmpty();
  }

  static void recordAll() {
    for (Connections known : open.values()) {
      try {
        known.update();
      } catch (Throwable fault) { // statistics may be the application's own
        Faults.report(fault);
      }
    }
  }

  private void update() {
    boolean last = isClosed(); // asked first: it may close while it is recorded
    try {
      record();
    } finally {
      if (last) {
        open.remove(connection, this);
      }
    }
  }

  private boolean isClosed() {
    return connection.getStatus() == Connection.Status.CLOSED;
  }

  private synchronized void fail() {
    failed = true;
    record();
  }

  private synchronized void record() {
    ServerAddress address = ServerAddress.of(connection);
    Attributes current = address == null && server != null ? server : attributes(address);
    Statistics statistics = connection.getStatistics();
    long waiting = statistics.getOutstandingRequests(); // throws, if at all, before a change
    if (server != null) {
      Metrics.connections.add(-1, server);
      Metrics.outstandingRequests.add(-outstanding, server);
    }
    server = failed || isClosed() ? null : current;
    outstanding = waiting;
    if (server != null) {
      Metrics.connections.add(1, server);
      Metrics.outstandingRequests.add(outstanding, server);
    }
    messagesIn =
        count(Metrics.messages, messagesIn, statistics.getInMsgs(), with(current, "receive"));
    messagesOut =
        count(Metrics.messages, messagesOut, statistics.getOutMsgs(), with(current, "transmit"));
    bytesIn = count(Metrics.bytes, bytesIn, statistics.getInBytes(), with(current, "receive"));
    bytesOut = count(Metrics.bytes, bytesOut, statistics.getOutBytes(), with(current, "transmit"));
    reconnects = count(Metrics.reconnects, reconnects, statistics.getReconnects(), current);
    dropped = count(Metrics.dropped, dropped, statistics.getDroppedCount(), current);
  }

  private static long count(LongCounter counter, long before, long now, Attributes attributes) {
    if (now > before) {
      counter.add(now - before, attributes);
    }
    return now;
  }

  private static Attributes with(Attributes server, String direction) {
    return server.toBuilder().put(DIRECTION, direction).build();
  }

  private static Attributes attributes(@Nullable ServerAddress server) {
    return server == null ? Attributes.empty() : server.attributes;
  }
}
