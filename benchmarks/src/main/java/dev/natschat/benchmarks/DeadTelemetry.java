package dev.natschat.benchmarks;

import io.nats.client.Connection;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What persist-worker and history-service still do when nobody takes their telemetry, beside what
 * they do when it is taken. The queues of the agent are full before anything is counted.
 */
@Command(
    name = "dead-telemetry",
    mixinStandardHelpOptions = true,
    description = "persist-worker and history-service while their telemetry is not taken")
@SuppressWarnings("try") // nobody interrupts a closing connection
final class DeadTelemetry implements Callable<Integer> {
  private enum Telemetry {
    ACCEPTED("accepted"),
    REFUSED("refused: nobody listens"),
    UNANSWERED("never answered");

    private final String label;

    Telemetry(String label) {
      this.label = label;
    }

    TraceSink start() throws IOException {
      TraceSink sink = this == UNANSWERED ? TraceSink.startSilent() : TraceSink.start();
      if (this == REFUSED) {
        sink.close();
      }
      return sink;
    }
  }

  enum Service {
    PERSIST,
    HISTORY
  }

  @Option(names = "--only", split = ",", description = "${COMPLETION-CANDIDATES}; default: both")
  private List<Service> only = List.of(Service.values());

  @Option(names = "--rounds", defaultValue = "3", description = "default: ${DEFAULT-VALUE}")
  private int rounds;

  /** Three times persist-worker's queue, in spans of which each message has one. */
  @Option(names = "--messages", defaultValue = "200000", description = "default: ${DEFAULT-VALUE}")
  private int messages;

  @Option(names = "--seconds", defaultValue = "8", description = "default: ${DEFAULT-VALUE}")
  private int seconds;

  private final Table persist = table("persist-worker empties a backlog", "row");
  private final Table history = table("history-service answers, 8 at once", "request");

  /** Of one round: the rate is an operation's a second, CPU is in us an operation. */
  private record Measured(double rate, double cpu, double peakMebibytes, double spans) {}

  private interface Measurement {
    Measured with(Telemetry telemetry, Path directory) throws Exception;
  }

  private static Table table(String title, String operation) {
    return new Table(
        title,
        operation + "s/s",
        "of accepted's",
        "service CPU us/" + operation,
        "of accepted's",
        "service peak RSS MiB",
        "spans received/" + operation);
  }

  @Override
  public Integer call() throws Exception {
    System.out.println(Machine.description());
    measure(Service.PERSIST, persist, this::drain);
    measure(Service.HISTORY, history, this::answer);
    System.out.printf(
        "%n%,d messages, of which the first %,d are not counted; %d s of requests, after as many.%n",
        messages, uncounted(), seconds);
    return 0;
  }

  /** Each round begins with another, so that none is always the first. */
  private void measure(Service service, Table table, Measurement measurement) throws Exception {
    if (!only.contains(service)) {
      return;
    }
    List<Telemetry> order = new ArrayList<>(Arrays.asList(Telemetry.values()));
    for (int round = 0; round < rounds; round++) {
      Map<Telemetry, Measured> measured = new EnumMap<>(Telemetry.class);
      for (Telemetry telemetry : order) {
        Machine.alone(
            service + ", telemetry " + telemetry.label,
            directory -> measured.put(telemetry, measurement.with(telemetry, directory)));
      }
      Measured accepted = Objects.requireNonNull(measured.get(Telemetry.ACCEPTED));
      measured.forEach(
          (telemetry, its) ->
              table.add(
                  telemetry.label,
                  its.rate,
                  its.rate / accepted.rate,
                  its.cpu,
                  its.cpu / accepted.cpu,
                  its.peakMebibytes,
                  its.spans));
      Collections.rotate(order, 1);
    }
    System.out.println(table.markdown());
  }

  private int uncounted() {
    return messages / 2;
  }

  private Measured drain(Telemetry telemetry, Path directory) throws Exception {
    try (TraceSink sink = telemetry.start();
        Broker broker = Broker.start(directory);
        Postgres postgres = Postgres.start(directory.resolve("postgres"))) {
      try (Connection nats = broker.connect()) {
        Persist.createStream(nats);
        Backlog.publish(nats.jetStream(), messages, Tracing.ALWAYS);
      }
      try (ServiceProcess worker =
              Persist.start(
                  Tracing.ALWAYS, Persist.JVM, sink, broker, "none", postgres, directory);
          java.sql.Connection database = postgres.connect()) {
        Persist.awaitRows(database, worker, uncounted());
        Duration before = worker.cpu();
        int started = (int) Postgres.number(database, "SELECT count(*) FROM messages");
        Persist.awaitRows(database, worker, messages);
        double cpu = us(messages - started, worker.cpu().minus(before));
        double rate =
            Postgres.number(
                database,
                "SELECT count(*) / extract(epoch FROM max(created_at) - min(created_at))"
                    + " FROM messages WHERE stream_seq > "
                    + uncounted());
        double peak = worker.peakMebibytes();
        worker.stop();
        return new Measured(rate, cpu, peak, sink.spans() / (double) messages);
      }
    }
  }

  private Measured answer(Telemetry telemetry, Path directory) throws Exception {
    try (TraceSink sink = telemetry.start();
        Broker broker = Broker.start(directory);
        Postgres postgres = Postgres.start(directory.resolve("postgres"))) {
      History.fill(postgres);
      try (ServiceProcess service =
              History.start(
                  Tracing.ALWAYS, History.JVM, sink, broker, "none", postgres, directory);
          WireClient client = new WireClient(broker.url())) {
        service.awaitReady();
        client.subscribe(History.INBOX + "*");
        Duration each = Duration.ofSeconds(seconds);
        int all = History.ask(client, 8, each, Tracing.ALWAYS).count();
        Duration before = service.cpu();
        int answered = History.ask(client, 8, each, Tracing.ALWAYS).count();
        double cpu = us(answered, service.cpu().minus(before));
        double peak = service.peakMebibytes();
        service.stop();
        return new Measured(
            answered / (double) seconds, cpu, peak, sink.spans() / (double) (all + answered));
      }
    }
  }

  private static double us(int operations, Duration cpu) {
    return cpu.toNanos() / 1e3 / operations;
  }
}
