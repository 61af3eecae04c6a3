package dev.natschat.persist;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;

/**
 * A PostgreSQL that keeps what it committed (fsync on), with the roles of the project and an empty
 * database.
 */
final class Database implements AutoCloseable {
  private final int port = NatsServer.freePort();
  private final Path directory;
  private EmbeddedPostgres postgres;

  private Database(Path directory) throws IOException {
    this.directory = directory;
    postgres = launch();
  }

  static Database start(Path directory) throws IOException, SQLException {
    Database database = new Database(directory);
    try (Connection admin = database.connect("postgres");
        Statement statement = admin.createStatement()) {
      statement.execute("CREATE ROLE persist_worker LOGIN PASSWORD 'test-only'");
      statement.execute("CREATE ROLE history_service LOGIN PASSWORD 'test-only'");
      statement.execute("CREATE DATABASE chat OWNER persist_worker");
    }
    return database;
  }

  String url() {
    return "jdbc:postgresql://127.0.0.1:" + port + "/chat";
  }

  /** A superuser's connection. */
  Connection connect() throws SQLException {
    return connect("chat");
  }

  private Connection connect(String name) throws SQLException {
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + port + "/" + name, "postgres", "postgres");
  }

  void execute(String sql) throws SQLException {
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  long count(String table) throws SQLException {
    return Long.parseLong(column("SELECT count(*) FROM " + table).get(0));
  }

  /** The first column of each row. */
  List<String> column(String query) throws SQLException {
    List<String> values = new ArrayList<>();
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(query)) {
      while (rows.next()) {
        values.add(rows.getString(1));
      }
    }
    return values;
  }

  /** Returns when it has ended, for which its own closing waits no more than 5 s. */
  void stop() throws IOException {
    postgres.close();
    Path running = directory.resolve("data").resolve("postmaster.pid");
    Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> !Files.exists(running));
  }

  /** Of a stopped one: what a backup has. */
  Path copyFiles(Path to) throws IOException, InterruptedException {
    return Copies.make(directory.resolve("data"), to);
  }

  /** Of a stopped one, by a backup. */
  void replaceFiles(Path backup) throws IOException, InterruptedException {
    Copies.putBack(directory.resolve("data"), backup);
  }

  void startAgain() throws IOException {
    postgres = launch();
  }

  @Override
  public void close() throws IOException {
    stop();
  }

  private EmbeddedPostgres launch() throws IOException {
    return EmbeddedPostgres.builder()
        .setPort(port)
        .setDataDirectory(directory.resolve("data"))
        .setCleanDataDirectory(false)
        .setServerConfig("fsync", "on")
        .setServerConfig("synchronous_commit", "on")
        .setServerConfig("full_page_writes", "on")
        .setPGStartupWait(Duration.ofSeconds(60))
        .start();
  }
}
