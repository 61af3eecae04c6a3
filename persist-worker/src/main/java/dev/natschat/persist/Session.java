package dev.natschat.persist;

import dev.natschat.persist.Poison.Reason;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One connection with its prepared statements. */
final class Session implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Session.class);

  private static final String INSERT_MESSAGES =
      """
      INSERT INTO messages (room, username, text, timestamp, stream_seq, stored_at)
      SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[])
      ON CONFLICT (stream_seq, stored_at) DO NOTHING
      """;

  private static final String STORE_EACH =
      """
      SELECT number, inserted, refusal
      FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[])
          WITH ORDINALITY AS message (room, username, text, timestamp, stream_seq, stored_at, number),
          store_message(room, username, text, timestamp, stream_seq, stored_at)
      """;

  private static final String INSERT_DEAD_LETTERS =
      """
      INSERT INTO dead_letters (subject, headers, body, reason, stream_seq, stored_at)
      SELECT subject, headers::json, body, reason, stream_seq, stored_at
      FROM unnest(?::text[], ?::text[], ?::bytea[], ?::text[], ?::bigint[], ?::bigint[])
          AS letter (subject, headers, body, reason, stream_seq, stored_at)
      ON CONFLICT (stream_seq, stored_at) DO NOTHING
      RETURNING stream_seq, stored_at
      """;

  private static final String HAS =
      """
      SELECT EXISTS (SELECT FROM messages WHERE stream_seq = ? AND stored_at >= ?)
          OR EXISTS (SELECT FROM dead_letters WHERE stream_seq = ? AND stored_at >= ?)
      """;

  private final Connection connection;
  private final PGConnection postgres;
  private final PreparedStatement insertMessages;
  private final PreparedStatement insertDeadLetters;

  private Session(Connection connection) throws SQLException {
    this.connection = connection;
    this.postgres = connection.unwrap(PGConnection.class);
    this.insertMessages = connection.prepareStatement(INSERT_MESSAGES);
    this.insertDeadLetters = connection.prepareStatement(INSERT_DEAD_LETTERS);
  }

  static Session open(DataSource dataSource) throws SQLException {
    Connection connection = dataSource.getConnection();
    try {
      return new Session(connection);
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
  }

  /** Reads what the server sent unasked, such as its farewell; unlike a query, this is no span. */
  void check() throws SQLException {
    postgres.getNotifications(1);
  }

  boolean has(long sequence, long storedSince) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(HAS)) {
      statement.setLong(1, sequence);
      statement.setLong(2, storedSince);
      statement.setLong(3, sequence);
      statement.setLong(4, storedSince);
      try (ResultSet answer = statement.executeQuery()) {
        return answer.next() && answer.getBoolean(1);
      }
    }
  }

  /** What was not there before; a message that is delivered again is there. */
  record Stored(int rows, List<DeadLetter> dead) {}

  /** All or nothing. */
  Stored write(List<Row> rows, List<DeadLetter> dead) throws SQLException {
    return dead.isEmpty()
        ? new Stored(insert(rows), List.of())
        : inTransaction(
            () -> {
              List<DeadLetter> buried = bury(dead);
              int inserted = rows.isEmpty() ? 0 : insert(rows);
              connection.commit();
              return new Stored(inserted, buried);
            });
  }

  /**
   * Row by row, which costs more: what the table refuses is moved from the rows to the dead. All or
   * nothing in everything else.
   */
  Stored writeEach(List<Row> rows, List<DeadLetter> dead) throws SQLException {
    List<Row> accepted = new ArrayList<>(rows.size());
    List<DeadLetter> allDead = new ArrayList<>(dead);
    Stored stored =
        inTransaction(
            () -> {
              int inserted = storeEach(rows, accepted, allDead);
              List<DeadLetter> buried = bury(allDead);
              connection.commit();
              return new Stored(inserted, buried);
            });
    rows.clear();
    rows.addAll(accepted);
    dead.addAll(allDead.subList(dead.size(), allDead.size()));
    return stored;
  }

  private int storeEach(List<Row> rows, List<Row> accepted, List<DeadLetter> dead)
      throws SQLException {
    int inserted = 0;
    try (PreparedStatement statement = connection.prepareStatement(STORE_EACH)) {
      set(statement, rows);
      try (ResultSet each = statement.executeQuery()) {
        while (each.next()) {
          Row row = rows.get(each.getInt(1) - 1);
          inserted += each.getInt(2);
          String refusal = each.getString(3);
          if (refusal == null) {
            accepted.add(row);
          } else {
            dead.add(new DeadLetter(row.origin(), new Poison(Reason.REFUSED_BY_DATABASE, refusal)));
          }
        }
      }
    }
    return inserted;
  }

  private int insert(List<Row> rows) throws SQLException {
    set(insertMessages, rows);
    return insertMessages.executeUpdate();
  }

  private void set(PreparedStatement statement, List<Row> rows) throws SQLException {
    statement.setArray(1, texts(rows, row -> row.chat().room()));
    statement.setArray(2, texts(rows, row -> row.chat().user()));
    statement.setArray(3, texts(rows, row -> row.chat().text()));
    statement.setArray(4, longs(rows, row -> row.chat().timestamp()));
    statement.setArray(5, longs(rows, row -> row.origin().sequence()));
    statement.setArray(6, longs(rows, row -> row.origin().storedAt()));
  }

  /** Gives those that were not there before. */
  private List<DeadLetter> bury(List<DeadLetter> dead) throws SQLException {
    byte[][] bodies = dead.stream().map(DeadLetter::body).toArray(byte[][]::new);
    insertDeadLetters.setArray(1, texts(dead, DeadLetter::subject));
    insertDeadLetters.setArray(2, texts(dead, DeadLetter::headers));
    insertDeadLetters.setArray(3, postgres.createArrayOf("bytea", bodies));
    insertDeadLetters.setArray(4, texts(dead, DeadLetter::reason));
    insertDeadLetters.setArray(5, longs(dead, letter -> letter.origin().sequence()));
    insertDeadLetters.setArray(6, longs(dead, letter -> letter.origin().storedAt()));
    Set<List<Long>> buried = new HashSet<>();
    try (ResultSet each = insertDeadLetters.executeQuery()) {
      while (each.next()) {
        buried.add(List.of(each.getLong(1), each.getLong(2)));
      }
    }
    return dead.stream()
        .filter(
            letter ->
                buried.remove(List.of(letter.origin().sequence(), letter.origin().storedAt())))
        .toList();
  }

  private <T> java.sql.Array texts(List<T> of, Function<T, String> column) throws SQLException {
    return postgres.createArrayOf("text", of.stream().map(column).toArray(String[]::new));
  }

  private <T> java.sql.Array longs(List<T> of, ToLongFunction<T> column) throws SQLException {
    return postgres.createArrayOf("bigint", of.stream().mapToLong(column).toArray());
  }

  private interface Work {
    Stored run() throws SQLException;
  }

  private Stored inTransaction(Work work) throws SQLException {
    connection.setAutoCommit(false);
    try {
      return work.run();
    } catch (SQLException e) {
      connection.rollback();
      throw e;
    } finally {
      connection.setAutoCommit(true);
    }
  }

  void cancel() {
    try {
      postgres.cancelQuery();
    } catch (SQLException e) {
      log.debug("Nothing to cancel", e);
    }
  }

  @Override
  public void close() {
    try {
      connection.close();
    } catch (SQLException e) {
      log.debug("Closing a broken connection", e);
    }
  }
}
