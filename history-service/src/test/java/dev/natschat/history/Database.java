package dev.natschat.history;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/** A PostgreSQL of the test's own with the schema that persist-worker makes. */
final class Database implements AutoCloseable {
  static final String USER = "history_service";
  static final String PASSWORD = "test-only";

  private static final Path MIGRATIONS =
      Path.of("..", "persist-worker", "src", "main", "resources", "db", "migration");

  private final int port = NatsServer.freePort();
  private final Path directory;
  private final AtomicLong sequence = new AtomicLong();
  private EmbeddedPostgres postgres;

  private Database(Path directory) throws IOException {
    this.directory = directory;
    postgres = launch();
  }

  static Database start() throws IOException, SQLException {
    Database database = new Database(Files.createTempDirectory("postgres"));
    database.execute(
        "CREATE ROLE persist_worker LOGIN",
        "CREATE ROLE " + USER + " LOGIN PASSWORD '" + PASSWORD + "'",
        "CREATE DATABASE chat OWNER persist_worker");
    try (Connection worker = database.admin("chat");
        Statement statement = worker.createStatement()) {
      statement.execute("SET ROLE persist_worker");
      for (Path migration : migrations()) {
        statement.execute(Files.readString(migration));
      }
    }
    return database;
  }

  String url() {
    return "jdbc:postgresql://127.0.0.1:" + port + "/chat";
  }

  /** A connection that may do everything. */
  Connection admin() throws SQLException {
    return admin("chat");
  }

  void store(String room, String user, String text, long timestamp) throws SQLException {
    store(room, user, text, timestamp, sequence.incrementAndGet());
  }

  void store(String room, String user, String text, long timestamp, long streamSequence)
      throws SQLException {
    try (Connection connection = admin();
        PreparedStatement insert =
            connection.prepareStatement(
                "INSERT INTO messages(room, username, text, timestamp, stream_seq, stored_at)"
                    + " VALUES (?, ?, ?, ?, ?, ?)")) {
      insert.setString(1, room);
      insert.setString(2, user);
      insert.setString(3, text);
      insert.setLong(4, timestamp);
      insert.setLong(5, streamSequence);
      insert.setLong(6, sequence.incrementAndGet());
      insert.executeUpdate();
    }
  }

  /** Returns when it has ended, for which its own closing waits no more than 5 s. */
  void stop() throws IOException {
    postgres.close();
    Path running = directory.resolve("data").resolve("postmaster.pid");
    Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> !Files.exists(running));
  }

  void startAgain() throws IOException {
    postgres = launch();
  }

  @Override
  public void close() throws IOException {
    stop();
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private EmbeddedPostgres launch() throws IOException {
    return EmbeddedPostgres.builder()
        .setPort(port)
        .setDataDirectory(directory.resolve("data"))
        .setCleanDataDirectory(false)
        .setPGStartupWait(Duration.ofSeconds(60))
        .start();
  }

  private Connection admin(String name) throws SQLException {
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + port + "/" + name, "postgres", "postgres");
  }

  /** As one who may do everything. */
  void execute(String... statements) throws SQLException {
    try (Connection connection = admin("postgres");
        Statement statement = connection.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    }
  }

  private static List<Path> migrations() throws IOException {
    try (Stream<Path> files = Files.list(MIGRATIONS)) {
      return files.filter(file -> file.toString().endsWith(".sql")).sorted().toList();
    }
  }
}
