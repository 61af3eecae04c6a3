package dev.natschat.benchmarks;

import io.nats.client.Connection;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * How fast persist-worker empties a backlog, beside what one JDBC client reaches without a broker;
 * and how long a message takes from its publisher to its row.
 */
@SuppressWarnings("try") // nobody interrupts a closing connection
final class Persist {
  private static final int BATCH = 500;

  /** Of a backlog, the first part: the JVM has just started. */
  private static final int WARM_UP = 3;

  /** Those of processes/run: see RATIONALE.md. */
  static final List<String> JVM =
      List.of(
          "-Xms40m",
          "-Xmx128m",
          "-Xmn36m",
          "-XX:SurvivorRatio=5",
          "-XX:MinHeapFreeRatio=10",
          "-XX:TieredStopAtLevel=1");

  private final Table drain =
      new Table(
          "persist-worker empties a backlog",
          "rows/s",
          "of the yardstick's",
          "of no agent's",
          "service CPU us/row",
          "PostgreSQL CPU us/row",
          "of the yardstick's",
          "nats-server CPU us/row",
          "service peak RSS MiB",
          "spans/message");
  private final Table live =
      new Table(
          "From a message's publish to its row, every trace kept",
          "messages/s",
          "p50 ms",
          "p99 ms",
          "max ms",
          "published",
          "rows",
          "service CPU us/row",
          "PostgreSQL CPU us/row",
          "nats-server CPU us/row",
          "publisher CPU us/message",
          "service peak RSS MiB");

  private final int messages;
  private final List<Tracing> tracings;
  private final List<String> jvm;

  // Of this round.
  private double yardstickRate;
  private double yardstickDatabase;
  private double untracedRate = Double.NaN;

  Persist(int messages, List<Tracing> tracings, List<String> jvm) {
    this.messages = messages;
    this.tracings = tracings;
    this.jvm = jvm.isEmpty() ? JVM : jvm;
  }

  void drainRound() throws Exception {
    Machine.alone("persist: yardstick", this::yardstick);
    for (Tracing tracing : tracings) {
      Machine.alone("persist: drain, " + tracing.label(), directory -> drain(tracing, directory));
    }
  }

  String drainTable() {
    return drain.markdown()
        + "\n\n"
        + String.format(
            "%,d messages, the first third of them not counted: the JVM has just started. The"
                + " yardstick is one JDBC client, %d rows a statement, the same table, indexes and"
                + " fsync, no broker.",
            messages, BATCH);
  }

  String liveTable() {
    return live.markdown()
        + "\n\nA row counts as stored when another connection, which looks every 2 ms, sees it;"
        + " the first second is not counted.";
  }

  private void yardstick(Path directory) throws Exception {
    try (Postgres postgres = Postgres.start(directory.resolve("postgres"));
        java.sql.Connection connection = postgres.connect()) {
      postgres.createTables();
      Duration own = Usage.cpu(ProcessHandle.current().pid());
      Duration database = postgres.cpu();
      long start = System.nanoTime();
      insertAll(connection);
      yardstickRate = messages / ((System.nanoTime() - start) / 1e9);
      yardstickDatabase = per(messages, postgres.cpu().minus(database));
      drain.add(
          "yardstick",
          yardstickRate,
          1,
          Double.NaN,
          per(messages, Usage.cpu(ProcessHandle.current().pid()).minus(own)),
          yardstickDatabase,
          1,
          Double.NaN,
          Double.NaN,
          Double.NaN);
    }
  }

  private void insertAll(java.sql.Connection connection) throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement(
            "INSERT INTO messages (room, username, text, timestamp, stream_seq, stored_at)"
                + " SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[],"
                + " ?::bigint[]) ON CONFLICT (stream_seq, stored_at) DO NOTHING")) {
      for (int first = 0; first < messages; first += BATCH) {
        String[][] texts = new String[3][BATCH];
        Long[][] numbers = new Long[3][BATCH];
        for (int i = 0; i < BATCH; i++) {
          texts[0][i] = Backlog.room(first + i);
          texts[1][i] = "alice";
          texts[2][i] = Backlog.text(first + i);
          numbers[0][i] = System.currentTimeMillis();
          numbers[1][i] = first + i + 1L;
          numbers[2][i] = System.currentTimeMillis() * 1_000_000;
        }
        for (int column = 0; column < 3; column++) {
          insert.setArray(column + 1, connection.createArrayOf("text", texts[column]));
          insert.setArray(column + 4, connection.createArrayOf("bigint", numbers[column]));
        }
        insert.executeUpdate();
      }
    }
  }

  private void drain(Tracing tracing, Path directory) throws Exception {
    try (TraceSink sink = TraceSink.start(directory);
        Broker broker = Broker.start(directory);
        Postgres postgres = Postgres.start(directory.resolve("postgres"))) {
      try (Connection nats = broker.connect()) {
        createStream(nats);
        Backlog.publish(nats.jetStream(), messages, tracing);
      }
      try (ServiceProcess worker = worker(tracing, sink, broker, postgres, directory);
          java.sql.Connection connection = postgres.connect()) {
        awaitRows(connection, worker, messages / WARM_UP);
        Duration service = worker.cpu();
        Duration database = postgres.cpu();
        Duration broking = broker.cpu();
        Duration sinking = sink.cpu();
        int started = (int) Postgres.number(connection, "SELECT count(*) FROM messages");
        awaitRows(connection, worker, messages);
        int rows = messages - started;
        double serviceCpu = per(rows, worker.cpu().minus(service));
        double databaseCpu = per(rows, postgres.cpu().minus(database));
        double brokerCpu = per(rows, broker.cpu().minus(broking));
        double sinkCpu = per(rows, sink.cpu().minus(sinking));
        double rate =
            Postgres.number(
                connection,
                "SELECT count(*) / extract(epoch FROM max(created_at) - min(created_at))"
                    + " FROM messages WHERE stream_seq > "
                    + started);
        untracedRate = tracing == Tracing.OFF ? rate : untracedRate;
        double peak = worker.peakMebibytes();
        worker.stop();
        TraceSink.Received received = sink.read(messages);
        System.err.printf("%s, for %.2f us of the sink's CPU a row%n", received, sinkCpu);
        tracing.check(received.total());
        drain.add(
            tracing.label(),
            rate,
            rate / yardstickRate,
            rate / untracedRate,
            serviceCpu,
            databaseCpu,
            databaseCpu / yardstickDatabase,
            brokerCpu,
            peak,
            received.total() / (double) messages);
      }
    }
  }

  void liveRound(int rate, int seconds) throws Exception {
    Machine.alone("persist: " + rate + " messages/s", directory -> live(rate, seconds, directory));
  }

  private void live(int rate, int seconds, Path directory) throws Exception {
    try (TraceSink sink = TraceSink.start(directory);
        Broker broker = Broker.start(directory);
        Postgres postgres = Postgres.start(directory.resolve("postgres"));
        Connection nats = broker.connect()) {
      createStream(nats);
      try (ServiceProcess worker = worker(Tracing.ALWAYS, sink, broker, postgres, directory);
          java.sql.Connection connection = postgres.connect()) {
        worker.awaitReady();
        try (Publisher publisher = new Publisher(broker.url(), rate, rate * seconds)) {
          Duration service = worker.cpu();
          Duration database = postgres.cpu();
          Duration broking = broker.cpu();
          publisher.start();
          Latencies latencies = watch(connection, publisher, rate);
          int rows = (int) Postgres.number(connection, "SELECT count(*) FROM messages");
          live.add(
              "%,d for %d s".formatted(rate, seconds),
              publisher.rate(),
              latencies.millis(0.5),
              latencies.millis(0.99),
              latencies.millis(1),
              publisher.acknowledged(),
              rows,
              per(rows, worker.cpu().minus(service)),
              per(rows, postgres.cpu().minus(database)),
              per(rows, broker.cpu().minus(broking)),
              publisher.cpuNanos() / 1e3 / rows,
              worker.peakMebibytes());
        }
      }
    }
  }

  /** One worker stores in the stream's order, so that the last sequence tells of all before. */
  private static Latencies watch(java.sql.Connection connection, Publisher publisher, int skip)
      throws SQLException, InterruptedException, IOException {
    Latencies latencies = new Latencies();
    int seen = 0;
    long lastProgress = System.nanoTime();
    try (PreparedStatement last =
        connection.prepareStatement("SELECT coalesce(max(stream_seq), 0) FROM messages")) {
      while (!publisher.isDone() || seen < publisher.acknowledged()) {
        TimeUnit.MILLISECONDS.sleep(2);
        try (java.sql.ResultSet row = last.executeQuery()) {
          row.next();
          int stored = row.getInt(1);
          long now = System.nanoTime();
          for (; seen < stored; seen++) {
            lastProgress = now;
            if (seen >= skip) {
              latencies.add(now - publisher.publishedNanos(seen));
            }
          }
          if (now - lastProgress > TimeUnit.SECONDS.toNanos(60)) {
            throw new IOException("no new row for a minute after " + seen);
          }
        }
      }
    }
    return latencies;
  }

  private ServiceProcess worker(
      Tracing tracing, TraceSink sink, Broker broker, Postgres postgres, Path directory)
      throws IOException {
    return start(tracing, jvm, sink, broker, "none", postgres, directory);
  }

  static ServiceProcess start(
      Tracing tracing,
      List<String> jvm,
      TraceSink sink,
      Broker broker,
      String password,
      Postgres postgres,
      Path directory)
      throws IOException {
    return ServiceProcess.startWithDatabase(
        "persist-worker", jvm, tracing, sink, broker, password, postgres, directory);
  }

  static void createStream(Connection nats) throws Exception {
    nats.jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name("CHAT_MESSAGES")
                .subjects("chat.*", "admin.*")
                .storageType(StorageType.File)
                .build());
  }

  static void awaitRows(java.sql.Connection connection, ServiceProcess worker, int rows)
      throws SQLException, InterruptedException, IOException {
    while (Postgres.number(
            connection, "SELECT count(*) FROM pg_class WHERE relname = 'messages_history'")
        == 0) {
      worker.awaitNext(20);
    }
    // The last sequence is read from an index; a count of all rows would disturb the run.
    while (Postgres.number(connection, "SELECT coalesce(max(stream_seq), 0) FROM messages") < rows
        || Postgres.number(connection, "SELECT count(*) FROM messages") < rows) {
      worker.awaitNext(20);
    }
  }

  /** In us. */
  private static double per(int operations, Duration cpu) {
    return cpu.toNanos() / 1e3 / operations;
  }
}
