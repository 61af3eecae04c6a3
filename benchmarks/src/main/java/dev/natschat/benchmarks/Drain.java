package dev.natschat.benchmarks;

import dev.natschat.benchmarks.TraceSink.Received;
import io.nats.client.Connection;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * How fast persist-worker empties a backlog; beside it, what one JDBC client reaches without a
 * broker.
 */
@Command(
    name = "drain",
    mixinStandardHelpOptions = true,
    description = "persist-worker on a backlog")
final class Drain implements Callable<Integer> {
  private static final int BATCH = 500;
  private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");

  @Option(names = "--messages", defaultValue = "100000", description = "default: ${DEFAULT-VALUE}")
  private int messages;

  @Option(names = "--rounds", defaultValue = "1", description = "default: ${DEFAULT-VALUE}")
  private int rounds;

  @Option(
      names = "--jvm",
      split = ",",
      defaultValue = "-Xmx128m,-XX:+UseSerialGC,-XX:TieredStopAtLevel=1",
      description = "of the worker, default: ${DEFAULT-VALUE}")
  private List<String> jvm = List.of();

  /**
   * @param rate rows/s from the first commit to the last
   * @param service CPU of the client, us per row
   */
  private record Result(
      String what,
      double rate,
      double service,
      double database,
      double broker,
      long peakMebibytes,
      String spans) {

    String row() {
      return String.format(
          Locale.ROOT,
          "| %s | %,.0f | %.1f | %.1f | %.1f | %d | %s |",
          what,
          rate,
          service,
          database,
          broker,
          peakMebibytes,
          spans);
    }
  }

  @Override
  public Integer call() throws Exception {
    List<Result> results = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      results.add(alone("yardstick", this::yardstick));
      results.add(alone("persist-worker, every message traced", this::traced));
      results.add(alone("persist-worker, no agent", this::untraced));
    }
    System.out.printf(
        "%d processors, %d MiB, JDK %s; %,d messages; rows/s from the first commit to the last%n%n",
        Runtime.getRuntime().availableProcessors(), memoryMebibytes(), Runtime.version(), messages);
    System.out.println(
        "| | rows/s | client CPU us/row | PostgreSQL CPU us/row | nats-server CPU us/row"
            + " | client peak RSS MiB | spans |");
    System.out.println("|---|---|---|---|---|---|---|");
    results.forEach(result -> System.out.println(result.row()));
    return 0;
  }

  private interface Measurement {
    Result in(Path directory) throws Exception;
  }

  /** With servers and files of its own, so that none inherits what another left. */
  private static Result alone(String name, Measurement measurement) throws Exception {
    System.err.println(name + " ...");
    Path directory = Files.createTempDirectory("drain");
    try {
      return measurement.in(directory);
    } finally {
      delete(directory);
    }
  }

  private Result yardstick(Path directory) throws Exception {
    try (Postgres postgres = Postgres.start(directory.resolve("postgres"));
        java.sql.Connection connection = postgres.connect()) {
      try (Statement schema = connection.createStatement()) {
        schema.execute(
            Files.readString(
                Path.of("persist-worker/src/main/resources/db/migration/V1__messages.sql")));
      }
      Duration own = Usage.cpu(ProcessHandle.current().pid());
      Duration database = postgres.cpu();
      long start = System.nanoTime();
      insertAll(connection);
      double seconds = (System.nanoTime() - start) / 1e9;
      return new Result(
          "yardstick: one JDBC client, 500 rows a statement, no broker",
          messages / seconds,
          perRow(Usage.cpu(ProcessHandle.current().pid()).minus(own), messages),
          perRow(postgres.cpu().minus(database), messages),
          0,
          Usage.peakMebibytes(ProcessHandle.current().pid()),
          "");
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

  private Result traced(Path directory) throws Exception {
    try (TraceSink sink = TraceSink.start()) {
      List<String> agent =
          List.of(
              "-javaagent:agent-extension/target/opentelemetry-javaagent.jar",
              "-Dotel.javaagent.extensions=agent-extension/target/agent-extension.jar",
              "-Dotel.javaagent.configuration-file=persist-worker/agent.properties",
              "-Dotel.service.name=persist-worker",
              "-Dotel.traces.sampler=always_on",
              "-Dotel.exporter.otlp.endpoint=" + sink.endpoint());
      Result result = drain("persist-worker, every message traced", agent, directory);
      Received received = sink.read(messages);
      System.err.println(received);
      return new Result(
          result.what,
          result.rate,
          result.service,
          result.database,
          result.broker,
          result.peakMebibytes,
          "%,d spans, of %,d messages"
              .formatted(
                  received.spans().values().stream().mapToInt(Integer::intValue).sum(),
                  received.tracedMessages()));
    }
  }

  private Result untraced(Path directory) throws Exception {
    return drain("persist-worker, no agent", List.of(), directory);
  }

  private Result drain(String what, List<String> agent, Path directory) throws Exception {
    try (Broker broker = Broker.start(directory);
        Postgres postgres = Postgres.start(directory.resolve("postgres"))) {
      fill(broker);
      Process worker = start(agent, broker, postgres, directory);
      try (java.sql.Connection connection = postgres.connect()) {
        awaitRows(connection, worker, 1);
        Duration service = Usage.cpu(worker.pid());
        Duration database = postgres.cpu();
        Duration broking = broker.cpu();
        int started = (int) Postgres.number(connection, "SELECT count(*) FROM messages");
        awaitRows(connection, worker, messages);
        service = Usage.cpu(worker.pid()).minus(service);
        database = postgres.cpu().minus(database);
        broking = broker.cpu().minus(broking);
        double seconds =
            Postgres.number(
                connection,
                "SELECT extract(epoch FROM max(created_at) - min(created_at)) FROM messages");
        long peak = Usage.peakMebibytes(worker.pid());
        int rows = messages - started;
        worker.destroy(); // and exports what is left
        worker.waitFor();
        return new Result(
            what,
            messages / seconds,
            perRow(service, rows),
            perRow(database, rows),
            perRow(broking, rows),
            peak,
            "");
      } finally {
        worker.destroyForcibly().waitFor();
      }
    }
  }

  private void fill(Broker broker) throws Exception {
    Connection nats = broker.connect();
    nats.jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name("CHAT_MESSAGES")
                .subjects("chat.*", "admin.*")
                .storageType(StorageType.File)
                .build());
    Backlog.publish(nats.jetStream(), messages);
    nats.close();
  }

  private Process start(List<String> agent, Broker broker, Postgres postgres, Path directory)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(JAVA.toString());
    command.addAll(jvm);
    command.addAll(agent);
    command.addAll(List.of("-jar", "persist-worker/target/persist-worker.jar"));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("worker.log").toFile());
    builder.environment().put("NATS_URL", broker.url());
    builder.environment().put("NATS_USER", "persist-worker");
    builder.environment().put("NATS_PASS", "none");
    builder.environment().put("DATABASE_URL", postgres.url());
    builder.environment().put("DATABASE_USER", Postgres.USER);
    builder.environment().put("DATABASE_PASSWORD", Postgres.PASSWORD);
    return builder.start();
  }

  private static void awaitRows(java.sql.Connection connection, Process worker, int rows)
      throws SQLException, InterruptedException, IOException {
    while (Postgres.number(
            connection, "SELECT count(*) FROM pg_class WHERE relname = 'messages_history'")
        == 0) {
      awaitNext(worker);
    }
    // The last sequence is read from an index; a count of all rows would disturb the run.
    while (Postgres.number(connection, "SELECT coalesce(max(stream_seq), 0) FROM messages") < rows
        || Postgres.number(connection, "SELECT count(*) FROM messages") < rows) {
      awaitNext(worker);
    }
  }

  private static void awaitNext(Process worker) throws InterruptedException, IOException {
    if (worker.waitFor(20, TimeUnit.MILLISECONDS)) {
      throw new IOException("persist-worker ended with " + worker.exitValue());
    }
  }

  /** In us. */
  private static double perRow(Duration cpu, int rows) {
    return cpu.toNanos() / 1e3 / rows;
  }

  private static long memoryMebibytes() throws IOException {
    String total = Files.readAllLines(Path.of("/proc/meminfo")).get(0);
    return Long.parseLong(total.replaceAll("\\D", "")) / 1024;
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
