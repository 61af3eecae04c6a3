package dev.natschat.history;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.natschat.history.RequestFailed.Kind;
import dev.natschat.service.Outage;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The messages in PostgreSQL. Watches whether the database answers, so that nobody waits for one
 * that doesn't. Safe for use by many threads.
 */
final class MessageStore implements AutoCloseable {
  static final int LAST_MESSAGES = 50;

  static final String NEWEST =
      "SELECT username, text, timestamp FROM messages WHERE room = ?"
          + " ORDER BY timestamp DESC, stream_seq DESC LIMIT "
          + LAST_MESSAGES;

  private static final Logger log = LoggerFactory.getLogger(MessageStore.class);
  private static final long WATCH_MILLIS = 250;
  private static final long CONNECTION_TIMEOUT_MILLIS = 1000;
  private static final int STATEMENT_TIMEOUT_MILLIS = 1000;
  private static final int SOCKET_TIMEOUT_SECONDS = 2;

  static {
    // The pool would test a connection by an empty statement, a span of its own in somebody's
    // trace; the watch does it better.
    System.setProperty(
        "com.zaxxer.hikari.aliveBypassWindowMs", Long.toString(TimeUnit.DAYS.toMillis(365)));
  }

  private final HikariDataSource pool;
  private final ScheduledExecutorService watch =
      Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "database-watch"));
  private volatile boolean available;
  private final Outage outage = new Outage();

  private MessageStore(HikariDataSource pool) {
    this.pool = pool;
  }

  /** Returns at once; {@link #isAvailable()} tells when the database has answered. */
  static MessageStore open(Config service) {
    HikariConfig config = new HikariConfig();
    config.setPoolName("history");
    config.setJdbcUrl(service.databaseUrl());
    config.setUsername(service.databaseUser());
    config.setPassword(service.databasePassword());
    config.setMaximumPoolSize(service.workers() + 1); // one for the watch
    // Connections are made when they are asked for and then kept: a pool that fills itself in the
    // background waits up to 5 s between two tries, and so would everybody after an outage.
    config.setMinimumIdle(0);
    config.setIdleTimeout(0);
    config.setKeepaliveTime(0);
    config.setInitializationFailTimeout(-1);
    config.setConnectionTimeout(CONNECTION_TIMEOUT_MILLIS);
    config.setValidationTimeout(CONNECTION_TIMEOUT_MILLIS);
    config.addDataSourceProperty("ApplicationName", "history-service");
    config.addDataSourceProperty("connectTimeout", SOCKET_TIMEOUT_SECONDS);
    config.addDataSourceProperty("socketTimeout", SOCKET_TIMEOUT_SECONDS);
    config.addDataSourceProperty("tcpKeepAlive", true);
    config.addDataSourceProperty("prepareThreshold", 1);
    config.addDataSourceProperty("options", "-c statement_timeout=" + STATEMENT_TIMEOUT_MILLIS);
    MessageStore store = new MessageStore(new HikariDataSource(config));
    Future<?> unused =
        store.watch.scheduleWithFixedDelay(store::check, 0, WATCH_MILLIS, TimeUnit.MILLISECONDS);
    return store;
  }

  /** Whether the database answered when it was last asked, and has the table. */
  boolean isAvailable() {
    return available;
  }

  /**
   * The last messages of a room, newest first; of equal timestamps the later stored first.
   *
   * @throws RequestFailed when the database does not give them
   */
  List<ChatMessage> newest(String room) {
    if (!available) {
      throw new RequestFailed(Kind.DATABASE_UNAVAILABLE, null);
    }
    if (room.indexOf('\0') >= 0) {
      return List.of(); // PostgreSQL knows no such text, and would refuse the query
    }
    try (Connection connection = pool.getConnection();
        PreparedStatement statement = connection.prepareStatement(NEWEST)) {
      return newest(room, statement);
    } catch (SQLException e) {
      throw failure(e);
    }
  }

  private static List<ChatMessage> newest(String room, PreparedStatement statement)
      throws SQLException {
    List<ChatMessage> messages = new ArrayList<>(LAST_MESSAGES);
    statement.setString(1, room);
    try (ResultSet rows = statement.executeQuery()) {
      while (rows.next()) {
        messages.add(new ChatMessage(rows.getString(1), rows.getString(2), rows.getLong(3), room));
      }
    }
    return messages;
  }

  private RequestFailed failure(SQLException e) {
    if (e instanceof SQLTransientConnectionException) { // no connection was free in time
      return new RequestFailed(Kind.DATABASE_UNAVAILABLE, e);
    }
    if (isOutage(e)) {
      unavailable(e);
      return new RequestFailed(Kind.DATABASE_UNAVAILABLE, e);
    }
    return new RequestFailed(isTimeout(e) ? Kind.DATABASE_TIMEOUT : Kind.QUERY_FAILED, e);
  }

  /** Classes and codes of PostgreSQL's manual, appendix A. */
  private static boolean isOutage(SQLException e) {
    String state = e.getSQLState();
    return state == null
        || state.startsWith("08") // connection exception
        || state.startsWith("53") // insufficient resources
        || state.startsWith("57P") // shutdown, crash, starting up
        || state.equals("42P01"); // the table is not there yet
  }

  private static boolean isTimeout(SQLException e) {
    return "57014".equals(e.getSQLState()); // query_canceled
  }

  /**
   * Asks the server to parse and describe the query: a round trip that makes no span. After an
   * outage, and at the start, runs it too: whether the service may, and to have all in memory that
   * the first request needs.
   */
  private void check() {
    try (Connection connection = pool.getConnection();
        PreparedStatement statement = connection.prepareStatement(NEWEST)) {
      statement.setString(1, "");
      statement.getMetaData();
      if (!available) {
        Answer.of(newest("", statement), 0);
        available();
      }
    } catch (SQLException e) {
      if (!isTimeout(e)) { // a locked table is not a lost database
        unavailable(e);
      }
    } catch (RuntimeException e) {
      log.error("The watch of the message database failed and goes on", e);
    }
  }

  private synchronized void available() {
    available = true;
    outage.ends();
    log.info("The message database answers");
  }

  private synchronized void unavailable(SQLException e) {
    available = false;
    // The others lead to the same server, or to the one before its restart.
    pool.getHikariPoolMXBean().softEvictConnections();
    // The pool says that no connection was to be had; the database says why.
    SQLException reason = e.getCause() instanceof SQLException database ? database : e;
    if (outage.isNews(String.valueOf(reason.getSQLState()))) {
      log.warn(
          "The message database does not answer; requests are refused until it does: {}",
          reason.getMessage());
    }
  }

  @Override
  public void close() {
    watch.shutdownNow();
    pool.close();
  }
}
