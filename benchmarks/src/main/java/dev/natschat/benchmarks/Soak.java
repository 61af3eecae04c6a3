package dev.natschat.benchmarks;

import io.nats.client.Connection;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The three services under a steady load for a long time: does their memory stay flat? */
@Command(
    name = "soak",
    mixinStandardHelpOptions = true,
    description = "memory of the services under a steady load")
@SuppressWarnings("try") // nobody interrupts a closing connection
final class Soak implements Callable<Integer> {
  private static final int SAMPLES = 30;
  private static final int USERS = 200;

  @Option(names = "--minutes", defaultValue = "30", description = "default: ${DEFAULT-VALUE}")
  private int minutes;

  @Option(names = "--rate", defaultValue = "500", description = "messages/s, default: 500")
  private int rate;

  @Option(names = "--history", defaultValue = "100", description = "requests/s, default: 100")
  private int requests;

  @Option(names = "--connects", defaultValue = "10", description = "connects/s, default: 10")
  private int connects;

  private final Map<String, List<Double>> resident = new LinkedHashMap<>();
  private final Map<String, Double> cpu = new LinkedHashMap<>();
  private long asked;
  private long connected;
  private long refused;

  @Override
  public Integer call() throws Exception {
    System.out.println(Machine.description());
    Machine.alone("soak of " + minutes + " minutes", this::soak);
    return 0;
  }

  /** Two brokers, so that the load on the chat needs no tokens. */
  private void soak(Path directory) throws Exception {
    Path logins = java.nio.file.Files.createDirectory(directory.resolve("logins"));
    Tracing tracing = Tracing.ALWAYS;
    try (TraceSink sink = TraceSink.startCounting(directory);
        Realm realm = new Realm();
        Broker broker = Broker.start(directory);
        Broker door = Broker.startWithCallout(logins, true);
        Postgres postgres = Postgres.start(directory.resolve("postgres"))) {
      try (Connection nats = broker.connect()) {
        Persist.createStream(nats);
      }
      Map<String, ServiceProcess> services = new LinkedHashMap<>();
      try (ServiceProcess persist =
              Persist.start(tracing, Persist.JVM, sink, broker, "none", postgres, directory);
          ServiceProcess auth = Callout.start(tracing, Callout.JVM, realm, door, sink, logins)) {
        persist.awaitReady(); // and has made the table
        try (ServiceProcess history =
                History.start(tracing, History.JVM, sink, broker, "none", postgres, directory);
            Publisher publisher = new Publisher(broker.url(), rate, rate * minutes * 60);
            WireClient client = new WireClient(broker.url());
            java.sql.Connection connection = postgres.connect()) {
          history.awaitReady();
          auth.awaitReady();
          services.put("persist-worker", persist);
          services.put("history-service", history);
          services.put("auth-service", auth);
          client.subscribe(History.INBOX + "*");
          publisher.start();
          load(client, door, realm, services);
          await(publisher, connection);
          for (Map.Entry<String, ServiceProcess> service : services.entrySet()) {
            cpu.put(service.getKey(), service.getValue().cpu().toMillis() / 1e3);
          }
          report(publisher, (long) Postgres.number(connection, "SELECT count(*) FROM messages"));
          System.out.printf("%,d spans were received.%n", sink.spans());
        }
      }
    }
  }

  private void load(
      WireClient client, Broker door, Realm realm, Map<String, ServiceProcess> services)
      throws Exception {
    long start = System.nanoTime();
    long end = start + TimeUnit.MINUTES.toNanos(minutes);
    long between = TimeUnit.MINUTES.toNanos(minutes) / SAMPLES;
    long nextSample = start + between;
    List<String> tokens = new ArrayList<>();
    for (long second = 0; System.nanoTime() < end; second++) {
      if (second % 240 == 0) { // they expire after 300 s
        tokens = Callout.tokens(realm, USERS);
      }
      long next = start + TimeUnit.SECONDS.toNanos(second + 1);
      asked += History.askTimes(client, requests).count();
      int first = (int) (second * connects % USERS);
      List<String> some = tokens.subList(first, Math.min(USERS, first + connects));
      Storm.Outcome storm = Storm.of(door.url(), some, 4);
      connected += storm.admitted();
      refused += storm.refused();
      if (System.nanoTime() >= nextSample) {
        nextSample += between;
        for (Map.Entry<String, ServiceProcess> service : services.entrySet()) {
          service.getValue().awaitNext(1);
          resident
              .computeIfAbsent(service.getKey(), name -> new ArrayList<>())
              .add(service.getValue().residentMebibytes());
        }
        System.err.println(resident);
      }
      TimeUnit.NANOSECONDS.sleep(next - System.nanoTime());
    }
  }

  private static void await(Publisher publisher, java.sql.Connection connection) throws Exception {
    long end = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    while (!publisher.isDone()
        || Postgres.number(connection, "SELECT count(*) FROM messages")
            < publisher.acknowledged()) {
      if (System.nanoTime() > end) {
        throw new IOException("rows are missing a minute after the last message");
      }
      TimeUnit.MILLISECONDS.sleep(200);
    }
  }

  private void report(Publisher publisher, long rows) {
    Table table =
        new Table(
            "Resident memory in MiB over " + minutes + " minutes, every trace kept",
            "after 1/10",
            "1/4",
            "1/2",
            "3/4",
            "at the end",
            "growth in the second half",
            "CPU s in all");
    resident.forEach(
        (service, samples) -> {
          int last = samples.size() - 1;
          table.add(
              service,
              samples.get(last / 10),
              samples.get(last / 4),
              samples.get(last / 2),
              samples.get(last * 3 / 4),
              samples.get(last),
              samples.get(last) - samples.get(last / 2),
              cpu.getOrDefault(service, Double.NaN));
        });
    System.out.println(table.markdown());
    System.out.printf(
        "%n%,d messages acknowledged, %,d rows; %,d history requests answered; %,d logins, %,d"
            + " refused.%n",
        publisher.acknowledged(), rows, asked, connected, refused);
  }
}
