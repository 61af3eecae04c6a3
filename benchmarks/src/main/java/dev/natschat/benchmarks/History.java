package dev.natschat.benchmarks;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.sql.Statement;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * How many requests history-service answers, beside how often PostgreSQL runs the same SELECT for
 * clients that do nothing else.
 */
final class History {
  /** Those of processes/run: see RATIONALE.md. */
  static final List<String> JVM =
      List.of(
          "-Xms40m",
          "-Xmx64m",
          "-Xmn26m",
          "-XX:MinHeapFreeRatio=10",
          "-XX:CompileCommand=quiet",
          "-XX:CompileCommand=dontinline,org.objectweb.asm.*::*",
          "-XX:CompileCommand=dontinline,okhttp3.*::*");

  private static final int[] CONCURRENT = {1, 8, 64};
  private static final int ROWS = 100_000;
  private static final Duration WARM_UP_STEP = Duration.ofMillis(500);
  static final String INBOX = "_UINBOX.bench.";

  private final Table table =
      new Table(
          "history-service answers",
          "requests/s",
          "of the yardstick's",
          "of no agent's",
          "p50 ms",
          "p99 ms",
          "service CPU us",
          "PostgreSQL CPU us",
          "of the yardstick's",
          "nats-server CPU us",
          "client CPU us",
          "service peak RSS MiB",
          "spans/request");

  private final Duration each;
  private final int warmUp;
  private final List<Tracing> tracings;
  private final List<String> jvm;

  // Of this round, by the place in CONCURRENT.
  private final double[] yardstickRates = new double[CONCURRENT.length];
  private final double[] yardstickDatabase = new double[CONCURRENT.length];
  private final double[] untracedRates = new double[CONCURRENT.length];
  private String yardstickClient = "";

  /**
   * @param warmUp requests at each number at once; the second compiler counts calls, not seconds
   */
  History(Duration each, int warmUp, List<Tracing> tracings, List<String> jvm) {
    this.tracings = tracings;
    this.jvm = jvm.isEmpty() ? JVM : jvm;
    Arrays.fill(untracedRates, Double.NaN);
    this.each = each;
    this.warmUp = warmUp;
  }

  void round() throws Exception {
    Machine.alone(
        "history",
        directory -> {
          try (Postgres postgres = Postgres.start(directory.resolve("postgres"));
              Broker broker = Broker.start(directory)) {
            fill(postgres);
            yardstick(postgres);
            for (Tracing tracing : tracings) {
              System.err.println("history: " + tracing.label() + " ...");
              service(tracing, broker, postgres, directory);
            }
          }
        });
  }

  String markdown() {
    return table.markdown()
        + "\n\n"
        + String.format(
            "%,d rows in %d rooms, 50 of them an answer; %d s each, after %,d requests for warming up"
                + " at each number at once. The yardstick is the same SELECT, prepared, by %s.",
            ROWS, Backlog.ROOMS, each.toSeconds(), warmUp, yardstickClient);
  }

  static void fill(Postgres postgres) throws Exception {
    postgres.createTables();
    try (java.sql.Connection connection = postgres.connect();
        Statement statement = connection.createStatement()) {
      statement.execute(
          "INSERT INTO messages (room, username, text, timestamp, stream_seq, stored_at)"
              + " SELECT 'room-' || n % "
              + Backlog.ROOMS
              + ", 'alice', rpad('message ' || n || ': ', 120, 'what people say to each other '),"
              + " 1764000000000 + n, n, n FROM generate_series(1, "
              + ROWS
              + ") n");
      statement.execute("VACUUM ANALYZE messages");
    }
  }

  private void yardstick(Postgres postgres) throws Exception {
    for (int i = 0; i < CONCURRENT.length; i++) {
      Select select = Select.with(postgres, CONCURRENT[i]);
      yardstickClient = select.client();
      Duration database = postgres.cpu();
      double done = select.run(each);
      yardstickRates[i] = done / each.toSeconds();
      yardstickDatabase[i] = per(done, postgres.cpu().minus(database));
      table.add(
          row(i, "yardstick"),
          yardstickRates[i],
          1,
          Double.NaN,
          Double.NaN,
          Double.NaN,
          Double.NaN,
          yardstickDatabase[i],
          1,
          Double.NaN,
          Double.NaN,
          Double.NaN,
          Double.NaN);
    }
  }

  private void service(Tracing tracing, Broker broker, Postgres postgres, Path directory)
      throws Exception {
    try (TraceSink sink = TraceSink.start(directory);
        ServiceProcess service = start(tracing, jvm, sink, broker, "none", postgres, directory);
        WireClient client = new WireClient(broker.url())) {
      service.awaitReady();
      client.subscribe(INBOX + "*");
      for (int concurrent : CONCURRENT) {
        for (int done = 0; done < warmUp; ) {
          done += ask(client, concurrent, WARM_UP_STEP, tracing).count();
        }
      }
      for (int i = 0; i < CONCURRENT.length; i++) {
        TimeUnit.SECONDS.sleep(2); // what the warm-up left is exported
        long spans = sink.spans();
        Duration own = service.cpu();
        Duration database = postgres.cpu();
        Duration broking = broker.cpu();
        long client0 = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        Latencies latencies = ask(client, CONCURRENT[i], each, tracing);
        long clientCpu = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - client0;
        int done = latencies.count();
        double rate = done / (each.toNanos() / 1e9);
        double serviceCpu = per(done, service.cpu().minus(own));
        double databaseCpu = per(done, postgres.cpu().minus(database));
        double brokerCpu = per(done, broker.cpu().minus(broking));
        untracedRates[i] = tracing == Tracing.OFF ? rate : untracedRates[i];
        TimeUnit.SECONDS.sleep(2);
        spans = sink.spans() - spans;
        tracing.check(spans);
        table.add(
            row(i, tracing.label()),
            rate,
            rate / yardstickRates[i],
            rate / untracedRates[i],
            latencies.millis(0.5),
            latencies.millis(0.99),
            serviceCpu,
            databaseCpu,
            databaseCpu / yardstickDatabase[i],
            brokerCpu,
            clientCpu / 1e3 / done,
            service.peakMebibytes(),
            spans / (double) done);
      }
      service.stop();
    }
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
        "history-service", jvm, tracing, sink, broker, password, postgres, directory);
  }

  private static String row(int place, String what) {
    return CONCURRENT[place] + " at once, " + what;
  }

  /** Keeps so many requests on their way until the time is over, then waits for the last. */
  static Latencies ask(WireClient client, int concurrent, Duration time, Tracing tracing)
      throws IOException {
    Latencies latencies = new Latencies();
    long[] asked = new long[concurrent];
    long end = System.nanoTime() + time.toNanos();
    int number = 0;
    int waiting = 0;
    for (; waiting < concurrent; waiting++) {
      request(client, number++, waiting, asked, tracing);
    }
    client.flush();
    while (waiting > 0) {
      String subject = client.next();
      long now = System.nanoTime();
      int slot = Integer.parseInt(subject.substring(INBOX.length()));
      latencies.add(now - asked[slot]);
      if (now < end) {
        request(client, number++, slot, asked, tracing);
      } else {
        waiting--;
      }
      if (!client.hasMore()) {
        client.flush();
      }
    }
    return latencies;
  }

  /** One after the other. */
  static Latencies askTimes(WireClient client, int times) throws IOException {
    Latencies latencies = new Latencies();
    long[] asked = new long[1];
    for (int i = 0; i < times; i++) {
      request(client, i, 0, asked, Tracing.ALWAYS);
      client.flush();
      client.next();
      latencies.add(System.nanoTime() - asked[0]);
    }
    return latencies;
  }

  private static void request(
      WireClient client, int number, int slot, long[] asked, Tracing tracing) throws IOException {
    asked[slot] = System.nanoTime();
    client.publish(
        "chat.history." + Backlog.room(number),
        INBOX + slot,
        Backlog.traceparent(number, tracing),
        "");
  }

  /** In us. */
  private static double per(double operations, Duration cpu) {
    return cpu.toNanos() / 1e3 / operations;
  }
}
