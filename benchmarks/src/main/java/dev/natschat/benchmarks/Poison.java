package dev.natschat.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.nats.client.Connection;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** How much poison between good messages slows the good ones down. */
@Command(
    name = "poison",
    mixinStandardHelpOptions = true,
    description = "persist-worker on a backlog in which every n-th message is poison")
@SuppressWarnings("try") // nobody interrupts a closing connection
final class Poison implements Callable<Integer> {
  private enum Kind {
    NO_JSON("no JSON"),
    REFUSED("refused by the table");

    private final String label;

    Kind(String label) {
      this.label = label;
    }
  }

  @Option(names = "--messages", defaultValue = "50000", description = "default: ${DEFAULT-VALUE}")
  private int messages;

  @Option(names = "--rounds", defaultValue = "2", description = "default: ${DEFAULT-VALUE}")
  private int rounds;

  private final Table table =
      new Table(
          "Poison between good messages, every trace kept",
          "good messages",
          "poison",
          "good rows/s",
          "of none's",
          "service CPU us/message",
          "PostgreSQL CPU us/message",
          "service peak RSS MiB");

  /** Of this round, without poison. */
  private double cleanRate;

  @Override
  public Integer call() throws Exception {
    System.out.println(Machine.description());
    for (int round = 0; round < rounds; round++) {
      measure("none", Kind.NO_JSON, 0);
      for (Kind kind : Kind.values()) {
        for (int every : new int[] {100, 10, 2}) {
          measure("every " + every + ": " + kind.label, kind, every);
        }
      }
    }
    System.out.println(table.markdown());
    System.out.println("\n%,d messages; from the first commit to the last.".formatted(messages));
    return 0;
  }

  private void measure(String row, Kind kind, int every) throws Exception {
    Machine.alone("poison: " + row, directory -> drain(row, kind, every, directory));
  }

  private void drain(String row, Kind kind, int every, Path directory) throws Exception {
    try (TraceSink sink = TraceSink.start(directory);
        Broker broker = Broker.start(directory);
        Postgres postgres = Postgres.start(directory.resolve("postgres"));
        java.sql.Connection database = postgres.connect()) {
      try (ServiceProcess first = worker(sink, broker, postgres, directory)) {
        first.awaitReady();
        first.stop();
      }
      try (Statement statement = database.createStatement()) {
        statement.execute("ALTER TABLE messages ADD CHECK (username <> 'refused')");
      }
      try (Connection nats = broker.connect()) {
        Backlog.publish(nats.jetStream(), messages, number -> message(number, kind, every));
      }
      int poison = every == 0 ? 0 : messages / every;
      try (ServiceProcess worker = worker(sink, broker, postgres, directory)) {
        await(database, worker, 1);
        Duration service = worker.cpu();
        Duration storing = postgres.cpu();
        int started = done(database);
        await(database, worker, messages);
        int rest = messages - started;
        double rate =
            (messages - poison)
                / Postgres.number(
                    database,
                    "SELECT extract(epoch FROM max(at) - min(at)) FROM"
                        + " (SELECT created_at AS at FROM messages"
                        + " UNION ALL SELECT dead_at FROM dead_letters) AS each");
        cleanRate = every == 0 ? rate : cleanRate;
        table.add(
            row,
            Postgres.number(database, "SELECT count(*) FROM messages"),
            Postgres.number(database, "SELECT count(*) FROM dead_letters"),
            rate,
            rate / cleanRate,
            worker.cpu().minus(service).toNanos() / 1e3 / rest,
            postgres.cpu().minus(storing).toNanos() / 1e3 / rest,
            worker.peakMebibytes());
      }
    }
  }

  private static NatsMessage message(int number, Kind kind, int every) {
    if (every == 0 || number % every != every - 1) {
      return Backlog.message(number, Tracing.ALWAYS);
    }
    String body = Backlog.body(number);
    return NatsMessage.builder()
        .subject("chat." + Backlog.room(number))
        .headers(new Headers().add("traceparent", Backlog.traceparent(number, Tracing.ALWAYS)))
        .data(
            (kind == Kind.NO_JSON ? "[" + body : body.replace("alice", "refused")).getBytes(UTF_8))
        .build();
  }

  private static ServiceProcess worker(
      TraceSink sink, Broker broker, Postgres postgres, Path directory) throws IOException {
    return Persist.start(Tracing.ALWAYS, Persist.JVM, sink, broker, "none", postgres, directory);
  }

  private static void await(java.sql.Connection database, ServiceProcess worker, int messages)
      throws SQLException, IOException, InterruptedException {
    while (done(database) < messages) {
      worker.awaitNext(50);
    }
  }

  private static int done(java.sql.Connection database) throws SQLException {
    return (int)
        Postgres.number(
            database,
            "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM dead_letters)");
  }
}
