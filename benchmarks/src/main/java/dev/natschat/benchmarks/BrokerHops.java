package dev.natschat.benchmarks;

import io.nats.client.Connection;
import io.nats.client.Dispatcher;
import io.nats.client.JetStreamApiException;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What the broker's hops cost the server, and how many of them broker-observer can take. */
@Command(
    name = "hops",
    mixinStandardHelpOptions = true,
    description = "CPU of nats-server per message, traced by it or not; broker-observer's limit")
@SuppressWarnings("try") // connections, interrupted only to end it all
final class BrokerHops implements Callable<Integer> {
  /** As processes/run has it. */
  static final List<String> JVM = List.of("-Xmx96m", "-XX:TieredStopAtLevel=1");

  private static final byte[] BODY = new byte[120];

  @Option(names = "--messages", defaultValue = "200000", description = "default: ${DEFAULT-VALUE}")
  private int messages;

  @Option(names = "--rounds", defaultValue = "3", description = "default: ${DEFAULT-VALUE}")
  private int rounds;

  @Option(names = "--seconds", defaultValue = "20", description = "default: ${DEFAULT-VALUE}")
  private int seconds;

  private final Table server =
      new Table("nats-server, CPU per message, stored and delivered to one reader", "us/message");
  private final Table observer =
      new Table(
          "broker-observer, kept to one core",
          "messages/s sent",
          "of which with hops, %",
          "CPU, cores",
          "resident, MiB");

  @Override
  public Integer call() throws Exception {
    System.out.println(Machine.description());
    for (int round = 0; round < rounds; round++) {
      serverRow("no traceparent, hops off", 0, false);
      serverRow("traceparent, hops off", 0, true);
      serverRow("traceparent, sampling: 1 (traces 2 %)", 1, true);
      serverRow("traceparent, sampling: 100", 100, true);
    }
    System.out.println(server.markdown());
    for (int rate : new int[] {1_000, 5_000, 20_000}) {
      observerRow(rate);
    }
    System.out.println(observer.markdown());
    return 0;
  }

  private void serverRow(String row, int sampling, boolean traced) throws Exception {
    Machine.alone(
        row,
        directory -> {
          try (Broker broker = Broker.startWithHops(directory, sampling);
              Connection client = connect(broker, "tester");
              Connection reader = connect(broker, "tester")) {
            addStream(client);
            if (sampling > 0) {
              addEventsStream(broker);
            }
            Dispatcher ignored = reader.createDispatcher(message -> {}).subscribe("chat.*");
            ignored.setPendingLimits(-1, -1);
            reader.flush(Duration.ofSeconds(10));
            publish(client, messages / 10, 0, traced, "warm");
            Duration before = broker.cpu();
            publish(client, messages, 0, traced, "room");
            awaitStored(client, messages + messages / 10);
            server.add(row, (broker.cpu().toNanos() - before.toNanos()) / 1e3 / messages);
          }
        });
  }

  private void observerRow(int rate) throws Exception {
    Machine.alone(
        rate + " messages/s",
        directory -> {
          try (Broker broker = Broker.startWithHops(directory, 100);
              TraceSink sink = TraceSink.start(directory);
              Connection client = connect(broker, "tester");
              Connection events = connect(broker, "hops");
              ServiceProcess process = observer(broker, sink, directory)) {
            process.awaitReady();
            awaitReading(events, process);
            publish(client, rate, rate, true, "warm");
            TimeUnit.SECONDS.sleep(3);
            int before = firstHops(sink);
            Duration cpu = process.cpu();
            long started = System.nanoTime();
            publish(client, rate * seconds, rate, true, "room");
            double took = (System.nanoTime() - started) / 1e9;
            double used = (process.cpu().toNanos() - cpu.toNanos()) / 1e9;
            double resident = process.residentMebibytes();
            TimeUnit.SECONDS.sleep(5);
            observer.add(
                String.format(Locale.ROOT, "%,d/s", rate),
                rate * seconds / took,
                100.0 * (firstHops(sink) - before) / (rate * seconds),
                used / took,
                resident);
          }
        });
  }

  private static int firstHops(TraceSink sink) throws IOException {
    return sink.read(0).spans().getOrDefault("ingress client", 0);
  }

  private static ServiceProcess observer(Broker broker, TraceSink sink, Path directory)
      throws IOException {
    Map<String, String> environment = new HashMap<>(environment(broker));
    environment.put("OTEL_EXPORTER_OTLP_ENDPOINT", sink.endpoint());
    return ServiceProcess.startOnOneCore("broker-observer", JVM, environment, directory);
  }

  static Map<String, String> environment(Broker broker) {
    return Map.of(
        "NATS_URL",
        broker.url(),
        "NATS_USER",
        "broker-observer",
        "NATS_PASS",
        Broker.TEST_ONLY,
        "BROKER_HOPS",
        "on");
  }

  /**
   * @param events a connection to the account of the events
   */
  static void awaitReading(Connection events, ServiceProcess process) throws Exception {
    while (true) {
      try {
        read(events);
        return;
      } catch (JetStreamApiException notYet) {
        process.awaitNext(50);
      }
    }
  }

  /** How many events the observer was given. */
  static long read(Connection events) throws IOException, JetStreamApiException {
    return events
        .jetStreamManagement()
        .getConsumerInfo("HOPS", "broker-observer")
        .getDelivered()
        .getConsumerSequence();
  }

  static Connection connect(Broker broker, String user) throws IOException, InterruptedException {
    return Nats.connect(
        Options.builder().server(broker.url()).userInfo(user, Broker.TEST_ONLY).build());
  }

  private static void addStream(Connection client) throws Exception {
    client
        .jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name("CHAT_MESSAGES")
                .subjects("chat.*")
                .storageType(StorageType.File)
                .maxBytes(1 << 30)
                .build());
  }

  /** The one that broker-observer makes; without hops there is no account for it. */
  private static void addEventsStream(Broker broker) throws Exception {
    try (Connection events = connect(broker, "hops")) {
      events
          .jetStreamManagement()
          .addStream(
              StreamConfiguration.builder()
                  .name("HOPS")
                  .subjects("hops.event")
                  .storageType(StorageType.Memory)
                  .maxBytes(16 << 20)
                  .noAck(true)
                  .build());
    }
  }

  /**
   * @param rate messages per second; 0: as fast as the server takes them
   */
  static void publish(Connection client, int count, int rate, boolean traced, String room)
      throws Exception {
    long started = System.nanoTime();
    for (int i = 0; i < count; i++) {
      client.publish("chat." + room, traced ? headers(room, i) : null, BODY);
      if (rate > 0) {
        LockSupport.parkNanos(started + i * 1_000_000_000L / rate - System.nanoTime());
      } else if (i % 2000 == 0) {
        client.flush(Duration.ofSeconds(30));
      }
    }
    client.flush(Duration.ofSeconds(30));
  }

  private static @Nullable Headers headers(String room, int number) {
    return new Headers()
        .put(
            "traceparent",
            String.format(
                Locale.ROOT, "00-%08x%024x-%016x-01", room.hashCode(), number + 1L, number + 1L));
  }

  private static void awaitStored(Connection client, long count) throws Exception {
    while (client
            .jetStreamManagement()
            .getStreamInfo("CHAT_MESSAGES")
            .getStreamState()
            .getMsgCount()
        < count) {
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }
}
