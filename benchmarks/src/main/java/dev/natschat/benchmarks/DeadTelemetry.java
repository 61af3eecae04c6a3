package dev.natschat.benchmarks;

import io.nats.client.Connection;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What the services and broker-observer still do when nobody takes their telemetry, beside what
 * they do when it is taken. The queues of the agent, and that of the hops, are full before anything
 * is counted.
 */
@Command(
    name = "dead-telemetry",
    mixinStandardHelpOptions = true,
    description = "the services and broker-observer while their telemetry is not taken")
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

    TraceSink start(Path directory) throws IOException, InterruptedException {
      TraceSink sink =
          this == UNANSWERED ? TraceSink.startSilent(directory) : TraceSink.start(directory);
      if (this == REFUSED) {
        sink.close();
      }
      return sink;
    }
  }

  enum Service {
    PERSIST,
    HISTORY,
    LOGIN,
    HOPS
  }

  private static final int HOPS_RATE = 5_000;

  @Option(names = "--only", split = ",", description = "${COMPLETION-CANDIDATES}; default: all")
  private List<Service> only = List.of(Service.values());

  @Option(names = "--rounds", defaultValue = "3", description = "default: ${DEFAULT-VALUE}")
  private int rounds;

  /** Three times persist-worker's queue, in spans of which each message has one. */
  @Option(names = "--messages", defaultValue = "200000", description = "default: ${DEFAULT-VALUE}")
  private int messages;

  @Option(names = "--seconds", defaultValue = "8", description = "default: ${DEFAULT-VALUE}")
  private int seconds;

  /** After as many that fill the queue: each login makes five spans. */
  @Option(names = "--logins", defaultValue = "5000", description = "default: ${DEFAULT-VALUE}")
  private int logins;

  private final Table persist = table("persist-worker empties a backlog", "row");
  private final Table history = table("history-service answers, 8 at once", "request");
  private final Table newcomers =
      table("auth-service lets in, 64 at once, each with a new token", "login");
  private final Table known = table("auth-service lets in, 64 at once, tokens known", "login");
  private final Table hops =
      table("broker-observer reads the hops of 5,000 messages a second", "message");

  /** Of one round: the rate is an operation's a second, CPU is in us an operation. */
  private record Measured(double rate, double cpu, double peakMebibytes, double spans) {}

  private interface Measurement {
    /** One for each table. */
    List<Measured> with(Telemetry telemetry, Path directory) throws Exception;
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
    measure(Service.PERSIST, List.of(persist), this::drain);
    measure(Service.HISTORY, List.of(history), this::answer);
    try (Realm realm = new Realm()) {
      List<String> tokens = only.contains(Service.LOGIN) ? tokens(realm) : List.of();
      measure(
          Service.LOGIN,
          List.of(newcomers, known),
          (telemetry, directory) -> letIn(realm, tokens, telemetry, directory));
    }
    measure(Service.HOPS, List.of(hops), this::readHops);
    System.out.printf(
        "%n%,d messages, of which the first %,d are not counted; %d s of requests, or of hops,"
            + " after as many; %,d logins, after as many.%n",
        messages, uncounted(), seconds, logins);
    return 0;
  }

  /** Each round begins with another, so that none is always the first. */
  private void measure(Service service, List<Table> tables, Measurement measurement)
      throws Exception {
    if (!only.contains(service)) {
      return;
    }
    List<Telemetry> order = new ArrayList<>(Arrays.asList(Telemetry.values()));
    for (int round = 0; round < rounds; round++) {
      Map<Telemetry, List<Measured>> measured = new EnumMap<>(Telemetry.class);
      for (Telemetry telemetry : order) {
        Machine.alone(
            service + ", telemetry " + telemetry.label,
            directory -> measured.put(telemetry, measurement.with(telemetry, directory)));
      }
      for (int i = 0; i < tables.size(); i++) {
        addRound(tables.get(i), i, measured);
      }
      Collections.rotate(order, 1);
    }
    tables.forEach(table -> System.out.println(table.markdown()));
  }

  private static void addRound(Table table, int number, Map<Telemetry, List<Measured>> measured) {
    Measured accepted = Objects.requireNonNull(measured.get(Telemetry.ACCEPTED)).get(number);
    measured.forEach(
        (telemetry, all) -> {
          Measured its = all.get(number);
          table.add(
              telemetry.label,
              its.rate,
              its.rate / accepted.rate,
              its.cpu,
              its.cpu / accepted.cpu,
              its.peakMebibytes,
              its.spans);
        });
  }

  private int uncounted() {
    return messages / 2;
  }

  private List<Measured> drain(Telemetry telemetry, Path directory) throws Exception {
    try (TraceSink sink = telemetry.start(directory);
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
        return List.of(new Measured(rate, cpu, peak, sink.spans() / (double) messages));
      }
    }
  }

  private List<Measured> answer(Telemetry telemetry, Path directory) throws Exception {
    try (TraceSink sink = telemetry.start(directory);
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
        return List.of(
            new Measured(
                answered / (double) seconds, cpu, peak, sink.spans() / (double) (all + answered)));
      }
    }
  }

  /** Good for as long as all of it takes. */
  private List<String> tokens(Realm realm) throws GeneralSecurityException {
    List<String> tokens = new ArrayList<>();
    for (int i = 0; i < 2 * logins; i++) {
      tokens.add(realm.token("user-" + i, "first", 3600, realm.key()));
    }
    return tokens;
  }

  private List<Measured> letIn(
      Realm realm, List<String> tokens, Telemetry telemetry, Path directory) throws Exception {
    try (TraceSink sink = telemetry.start(directory);
        Broker broker = Broker.startWithCallout(directory, true);
        ServiceProcess service =
            Callout.start(Tracing.ALWAYS, Callout.JVM, realm, broker, sink, directory)) {
      service.awaitReady();
      Storm.of(broker.url(), tokens.subList(0, logins), 64);
      List<String> counted = tokens.subList(logins, 2 * logins);
      Measured first = storm(counted, broker, service, sink);
      Measured again = storm(counted, broker, service, sink);
      service.stop();
      return List.of(first, again);
    }
  }

  private static Measured storm(
      List<String> tokens, Broker broker, ServiceProcess service, TraceSink sink) throws Exception {
    long spans = sink.spans();
    Duration before = service.cpu();
    Storm.Outcome storm = Storm.of(broker.url(), tokens, 64);
    double cpu = us(storm.all(), service.cpu().minus(before));
    TimeUnit.SECONDS.sleep(6); // the processor's delay: what was made is exported
    return new Measured(
        storm.admitted() / storm.seconds(),
        cpu,
        service.peakMebibytes(),
        (sink.spans() - spans) / (double) storm.all());
  }

  private List<Measured> readHops(Telemetry telemetry, Path directory) throws Exception {
    try (TraceSink sink = telemetry.start(directory);
        Broker broker = Broker.startWithHops(directory, 100);
        Connection client = BrokerHops.connect(broker, "tester");
        Connection events = BrokerHops.connect(broker, "hops");
        ServiceProcess observer =
            ServiceProcess.start(
                "broker-observer",
                BrokerHops.JVM,
                Tracing.ALWAYS,
                sink,
                BrokerHops.environment(broker),
                directory)) {
      observer.awaitReady();
      BrokerHops.awaitReading(events, observer);
      int count = HOPS_RATE * seconds;
      BrokerHops.publish(client, count, HOPS_RATE, true, "warm");
      Duration before = observer.cpu();
      long alreadyRead = BrokerHops.read(events);
      long started = System.nanoTime();
      BrokerHops.publish(client, count, HOPS_RATE, true, "room");
      double rate = (BrokerHops.read(events) - alreadyRead) / ((System.nanoTime() - started) / 1e9);
      double cpu = us(count, observer.cpu().minus(before));
      double peak = observer.peakMebibytes();
      observer.stop();
      return List.of(new Measured(rate, cpu, peak, sink.spans() / (2. * count)));
    }
  }

  private static double us(int operations, Duration cpu) {
    return cpu.toNanos() / 1e3 / operations;
  }
}
