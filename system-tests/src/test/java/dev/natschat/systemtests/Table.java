package dev.natschat.systemtests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Looks into the tables, as their owner: nothing else may see the dead letters. */
final class Table {
  private Table() {}

  static int rows(String room) throws Exception {
    return column("SELECT count(*) FROM messages WHERE room = ?", room).stream()
        .mapToInt(Integer::parseInt)
        .sum();
  }

  /** Why each message to a subject was set aside, in the order of the stream. */
  static List<String> deadLetters(String subject) throws Exception {
    return column("SELECT reason FROM dead_letters WHERE subject = ? ORDER BY stream_seq", subject);
  }

  /** Nobody else can read the messages until this is closed. */
  static Connection lockMessages() throws SQLException, IOException {
    Connection connection = connect();
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE");
    }
    return connection;
  }

  private static List<String> column(String sql, String parameter)
      throws SQLException, IOException {
    try (Connection connection = connect();
        PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setString(1, parameter);
      List<String> values = new ArrayList<>();
      try (ResultSet result = statement.executeQuery()) {
        while (result.next()) {
          values.add(result.getString(1));
        }
      }
      return values;
    }
  }

  private static Connection connect() throws SQLException, IOException {
    String port = System.getenv().getOrDefault("POSTGRES_PORT", "5432");
    String password =
        Files.readString(
            Path.of(
                System.getProperty("checkout"),
                ".run",
                "secrets",
                "postgres-persist-worker-password"));
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + port + "/chat", "persist_worker", password);
  }
}
