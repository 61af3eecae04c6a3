package dev.natschat.persist;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.natschat.service.LinesPerSecond;
import dev.natschat.service.Outage;
import io.nats.client.Message;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.Properties;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tables of the chat.
 *
 * <p>Only for one thread; {@link #answers} and {@link #cancel} may be called by any.
 */
final class MessageStore implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(MessageStore.class);
  private static final Duration BETWEEN_TRIES = Duration.ofMillis(500);
  private static final int CONNECT_SECONDS = 2;

  /** At the start: a busy server lets nobody in as fast as it takes a connection. */
  private static final int GREETING_SECONDS = 10;

  /**
   * Longer than a lock is held by a schema change, shorter than a dead peer takes to be noticed.
   */
  private static final int STATEMENT_SECONDS = 60;

  /** A statement takes milliseconds, and some seconds on a disk that is busy with a checkpoint. */
  private static final Duration LATE = Duration.ofSeconds(5);

  private static final String UNIQUE_VIOLATION = "23505";

  /** Where the table refused one message, it refuses more: these are not tried in vain. */
  private static final int CAREFUL_BATCHES = 20;

  /** Dead letters in a line of the log. */
  private static final int NAMED = 20;

  private final HikariDataSource dataSource;
  private final Metrics metrics;

  /** Every message of a quiet chat has its line, a flood does not. */
  private final LinesPerSecond lines = new LinesPerSecond(10);

  private final ScheduledExecutorService watch =
      Executors.newSingleThreadScheduledExecutor(MessageStore::watcher);

  private volatile @Nullable Session session;

  /** The {@link System#nanoTime} of what PostgreSQL was asked and has not answered yet. */
  private volatile @Nullable Long askedAt;

  private volatile boolean late;
  private @Nullable Origin lastStored;

  private final Outage outage = new Outage();

  /** Batches that are still to be stored row by row. */
  private int careful;

  private MessageStore(HikariDataSource dataSource, Metrics metrics) {
    this.dataSource = dataSource;
    this.metrics = metrics;
    Future<?> unused = watch.scheduleWithFixedDelay(this::watch, 1, 1, TimeUnit.SECONDS);
  }

  /** A daemon: a store that is opened when nobody waits for it any more is never closed. */
  private static Thread watcher(Runnable task) {
    Thread thread = new Thread(task, "database-watch");
    thread.setDaemon(true);
    return thread;
  }

  /** Waits for PostgreSQL and brings the schema up to date. */
  static MessageStore open(Config config) throws InterruptedException {
    migrate(config);
    return new MessageStore(new HikariDataSource(pool(config)), new Metrics());
  }

  private static void migrate(Config config) throws InterruptedException {
    Flyway flyway =
        Flyway.configure()
            .dataSource(config.databaseUrl(), config.databaseUser(), config.databasePassword())
            .loggers("slf4j")
            .load();
    Outage outage = new Outage();
    while (true) {
      try {
        knock(config);
        flyway.migrate();
        return;
      } catch (SQLException | FlywayException e) {
        String reason = String.valueOf(e.getMessage());
        if (outage.isNews(reason)) { // it may be there by now, and refuse us
          log.warn("Waiting for PostgreSQL at {}: {}", config.databaseUrl(), reason);
        }
        TimeUnit.NANOSECONDS.sleep(BETWEEN_TRIES.toNanos());
      }
    }
  }

  /** A server that hangs, or is gone without a word, would be waited for without end. */
  private static void knock(Config config) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", config.databaseUser());
    properties.setProperty("password", config.databasePassword());
    properties.setProperty("connectTimeout", String.valueOf(CONNECT_SECONDS));
    properties.setProperty("socketTimeout", String.valueOf(GREETING_SECONDS));
    DriverManager.getConnection(config.databaseUrl(), properties).close();
  }

  /** Of one connection, which is kept: a pool's check of an idle one would be a span in a trace. */
  private static HikariConfig pool(Config config) {
    HikariConfig pool = new HikariConfig();
    pool.setPoolName("messages");
    pool.setJdbcUrl(config.databaseUrl());
    pool.setUsername(config.databaseUser());
    pool.setPassword(config.databasePassword());
    pool.setMaximumPoolSize(1);
    pool.setInitializationFailTimeout(-1);
    pool.setConnectionTimeout(TimeUnit.SECONDS.toMillis(CONNECT_SECONDS));
    pool.addDataSourceProperty("ApplicationName", "persist-worker");
    pool.addDataSourceProperty("connectTimeout", CONNECT_SECONDS);
    pool.addDataSourceProperty("socketTimeout", STATEMENT_SECONDS);
    return pool;
  }

  /** Whether it is connected and has not kept us waiting for seconds. */
  boolean answers() {
    return session != null && !late;
  }

  /** Nothing else would be said of a server that hangs until the statement is given up. */
  private void watch() {
    Long since = askedAt;
    if (since != null && System.nanoTime() - since > LATE.toNanos()) {
      late = true;
      if (outage.isNews("late")) {
        log.warn(
            "PostgreSQL has not answered for {} s; messages wait in the stream. It hangs, or somebody holds a lock",
            LATE.toSeconds());
      }
    }
  }

  private interface Question<T> {
    T ask() throws SQLException;
  }

  private <T> T ask(Question<T> question) throws SQLException {
    askedAt = System.nanoTime();
    try {
      return question.ask();
    } finally {
      askedAt = null;
    }
  }

  /**
   * Connects unless connected.
   *
   * @return whether this is a new connection
   * @throws SQLException when that took too long
   */
  boolean connect() throws SQLException {
    if (session != null) {
      return false;
    }
    session = ask(() -> Session.open(dataSource));
    return true;
  }

  /**
   * Which message became neither a row nor a dead letter, of that one and of the last that this
   * worker stored. Another worker may hold what lies between them.
   *
   * @param created when the stream was made
   */
  OptionalLong lacks(long sequence, ZonedDateTime created) throws SQLException {
    Origin last = lastStored;
    if (!has(sequence, Origin.nanos(created))) {
      return OptionalLong.of(sequence);
    }
    return last == null || has(last.sequence(), last.storedAt())
        ? OptionalLong.empty()
        : OptionalLong.of(last.sequence());
  }

  private boolean has(long sequence, long storedSince) throws SQLException {
    Session present = connected();
    return ask(() -> present.has(sequence, storedSince));
  }

  /**
   * @throws SQLException when the server has hung up
   */
  void check() throws SQLException {
    connected().check();
    recovered();
  }

  /**
   * Stores all of the batch by one statement and acknowledges it after the commit. What can never
   * be a row becomes a dead letter in the same transaction, and is terminated.
   *
   * @throws SQLException when PostgreSQL can't do it now: nothing was stored or acknowledged, and
   *     the same call may be made again
   */
  void persist(List<Message> batch) throws SQLException {
    List<Row> rows = new ArrayList<>(batch.size());
    List<DeadLetter> dead = new ArrayList<>();
    for (Message message : batch) {
      Origin origin = Origin.of(message);
      try {
        rows.add(new Row(origin, origin.parse()));
      } catch (Poison poison) {
        dead.add(new DeadLetter(origin, poison));
      }
    }
    // Two workers with the same redelivered messages wait for each other in one order.
    rows.sort(Comparator.comparingLong(row -> row.origin().sequence()));
    Session.Stored stored = ask(() -> write(rows, dead));
    lastStored = Origin.of(batch.get(batch.size() - 1));
    recovered();
    settle(rows, dead);
    report(rows, stored.dead(), stored.rows());
  }

  private Session.Stored write(List<Row> rows, List<DeadLetter> dead) throws SQLException {
    Session to = connected();
    if (careful == 0) {
      try {
        return to.write(rows, dead);
      } catch (SQLException e) {
        if (!refusesData(e)) {
          throw e;
        }
        careful = CAREFUL_BATCHES;
      }
    }
    careful--;
    return to.writeEach(rows, dead);
  }

  /**
   * PostgreSQL, appendix A: data exception, integrity constraint violation, limit exceeded. Not a
   * key that is there already: what a message brings to its key is recognised, so the key is the
   * table's own, given twice after a restore that forgot the identity's counter.
   */
  static boolean refusesData(SQLException e) {
    String state = String.valueOf(e.getSQLState());
    return !state.equals(UNIQUE_VIOLATION)
        && (state.startsWith("22") || state.startsWith("23") || state.startsWith("54"));
  }

  private static void settle(List<Row> rows, List<DeadLetter> dead) {
    try {
      for (Row row : rows) {
        if (canBeSettled(row.origin())) {
          row.origin().message().ack();
        }
      }
      for (DeadLetter letter : dead) {
        if (canBeSettled(letter.origin())) {
          letter.origin().message().term();
        }
      }
    } catch (IllegalStateException e) {
      log.warn("Stored, but not all acknowledged: the rest will come again and be recognised", e);
    }
  }

  /**
   * Not when the durable that delivered it is gone: the one that was made since may know another
   * message by the same sequence.
   */
  private static boolean canBeSettled(Origin origin) {
    return origin.message().getSubscription().isActive();
  }

  private void report(List<Row> rows, List<DeadLetter> dead, int inserted) {
    long now = System.currentTimeMillis();
    int otherRooms = 0;
    for (Row row : rows) {
      metrics.committedAfter(now - row.origin().storedAtMillis());
      otherRooms += row.chat().claimsOtherRoom() ? 1 : 0;
    }
    metrics.namedOtherRoom(otherRooms);
    metrics.persisted(inserted);
    for (DeadLetter letter : dead) {
      metrics.dead(letter.poison().reason());
    }
    if (!dead.isEmpty()) {
      log.warn(
          "Set aside {} that can't be stored, by stream sequence: {}",
          dead.size(),
          dead.stream()
                  .limit(NAMED)
                  .map(
                      letter ->
                          letter.origin().sequence() + " " + letter.poison().reason().errorType())
                  .collect(Collectors.joining(", "))
              + (dead.size() > NAMED ? ", ... all are in dead_letters" : ""));
    }
    if (inserted > 0 && (lines.take() || log.isDebugEnabled())) {
      log.info(
          "Persisted {} up to stream sequence {}",
          inserted,
          rows.get(rows.size() - 1).origin().sequence());
    }
  }

  /** Lets go of the connection. Each reason is said once, until something succeeds. */
  void failed(SQLException e) {
    metrics.databaseUnavailable();
    Session failed = session;
    session = null;
    if (failed != null) {
      failed.close();
    }
    // The pool says that no connection was to be had; the database says why.
    SQLException reason = e.getCause() instanceof SQLException database ? database : e;
    if (outage.isNews(String.valueOf(reason.getSQLState()))) {
      log.warn("PostgreSQL can't store; messages wait in the stream: {}", reason.getMessage());
    }
  }

  private void recovered() {
    if (outage.ends()) {
      late = false;
      log.info("PostgreSQL stores again");
    }
  }

  private Session connected() throws SQLException {
    Session present = session;
    if (present == null) {
      throw new SQLException("not connected");
    }
    return present;
  }

  /** Makes a statement that waits for a lock fail. */
  void cancel() {
    Session present = session;
    if (present != null) {
      present.cancel();
    }
  }

  @Override
  public void close() {
    watch.shutdownNow();
    Session present = session;
    session = null;
    if (present != null) {
      present.close();
    }
    dataSource.close();
  }
}
