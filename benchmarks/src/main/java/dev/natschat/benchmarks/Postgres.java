package dev.natschat.benchmarks;

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
import java.util.List;

/** A PostgreSQL that keeps what it committed (fsync on), with the worker's database and role. */
final class Postgres implements AutoCloseable {
  static final String USER = "persist_worker";
  static final String PASSWORD = "benchmark-only";

  private final EmbeddedPostgres server;
  private final Path data;

  private Postgres(Path data) throws IOException, SQLException {
    this.data = data;
    server =
        EmbeddedPostgres.builder()
            .setDataDirectory(data)
            .setServerConfig("fsync", "on")
            .setServerConfig("synchronous_commit", "on")
            .setServerConfig("full_page_writes", "on")
            .setServerConfig("shared_buffers", "128MB")
            .setServerConfig("max_wal_size", "1GB")
            .start();
    try (Connection admin = server.getPostgresDatabase().getConnection();
        Statement statement = admin.createStatement()) {
      statement.execute("CREATE ROLE " + USER + " LOGIN PASSWORD '" + PASSWORD + "'");
      statement.execute("CREATE DATABASE chat OWNER " + USER);
    }
  }

  static Postgres start(Path directory) throws IOException, SQLException {
    return new Postgres(directory);
  }

  String url() {
    return server.getJdbcUrl(USER, "chat").replaceFirst("\\?.*", "");
  }

  Connection connect() throws SQLException {
    return DriverManager.getConnection(url(), USER, PASSWORD);
  }

  /** The tables that persist-worker makes. */
  void createTables() throws SQLException, IOException {
    try (Connection connection = connect();
        Statement schema = connection.createStatement()) {
      schema.execute(
          Files.readString(
              Path.of("persist-worker/src/main/resources/db/migration/V1__messages.sql")));
    }
  }

  int port() {
    return server.getPort();
  }

  /** The first column of the only row. */
  static double number(Connection connection, String query) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      return row.getDouble(1);
    }
  }

  /** Of all its processes, those that have ended and been waited for included. */
  Duration cpu() throws IOException {
    long postmaster =
        Long.parseLong(Files.readAllLines(data.resolve("postmaster.pid")).get(0).strip());
    List<Long> pids =
        ProcessHandle.allProcesses()
            .filter(
                process ->
                    process.pid() == postmaster
                        || process.parent().map(ProcessHandle::pid).orElse(-1L) == postmaster)
            .map(ProcessHandle::pid)
            .toList();
    Duration sum = Usage.ofEndedChildren(postmaster);
    for (long pid : pids) {
      sum = sum.plus(Usage.cpu(pid));
    }
    return sum;
  }

  @Override
  public void close() throws IOException {
    server.close();
  }
}
