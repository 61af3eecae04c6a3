package dev.natschat.chaos;

import io.nats.client.Connection;
import io.nats.client.JetStreamApiException;
import io.nats.client.JetStreamOptions;
import io.nats.client.api.ConsumerInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Publishes numbered messages while it kills and stalls everything that two workers depend on, and
 * the workers; then compares the table with what was acknowledged. From the root of a built
 * checkout.
 */
@Command(
    name = "chaos",
    mixinStandardHelpOptions = true,
    description = {
      "Nothing lost, nothing twice: kills and stalls servers and workers while messages are sent.",
      "Exit code 0 when every acknowledged message has exactly one row."
    })
public final class Chaos implements Callable<Integer> {
  private static final Path LOGS = Path.of("chaos", "target", "logs");
  private static final int PUBLISHERS = 4;
  private static final int MESSAGES_PER_SECOND = 150; // of each publisher
  private static final long DRAIN_SECONDS = 180;

  @Option(names = "--seed", description = "of order and distances; default: another each time")
  private long seed = System.nanoTime() % 1_000_000;

  @Option(names = "--seconds", description = "default: ${DEFAULT-VALUE}")
  private int seconds = 600;

  @Option(names = "--cluster", description = "three nats-servers and a replicated stream")
  private boolean cluster;

  @Option(names = "--report", description = "default: ${DEFAULT-VALUE}")
  private Path report = Path.of("chaos", "target", "report.md");

  private Chaos() {}

  public static void main(String[] args) {
    System.exit(new CommandLine(new Chaos()).execute(args));
  }

  @Override
  public Integer call() throws Exception {
    delete(LOGS);
    Files.createDirectories(LOGS);
    Path data = Files.createTempDirectory("chaos-");
    Rig rig = new Rig(data, LOGS, cluster ? 3 : 1);
    // Also after Ctrl-C.
    Thread cleaner = new Thread(() -> cleanUp(rig, data), "clean-up");
    Runtime.getRuntime().addShutdownHook(cleaner);
    System.out.printf("seed %d; what the programs say is in %s%n", seed, LOGS);
    rig.start();
    Report result = torment(rig);
    String text = result.text();
    System.out.println("\n" + text);
    Files.createDirectories(report.toAbsolutePath().getParent());
    Files.writeString(report, text);
    return result.isGood() ? 0 : 1;
  }

  @SuppressWarnings("try") // an interrupted close is of no concern: the process ends
  private Report torment(Rig rig) throws Exception {
    List<Publisher> publishers = new ArrayList<>();
    try (Connection nats = rig.connectNats()) {
      for (int i = 1; i <= PUBLISHERS; i++) {
        publishers.add(new Publisher("publisher-" + i, rig.connectNats()));
        publishers.get(i - 1).start(seed + i, MESSAGES_PER_SECOND);
      }
      Publisher filler = new Publisher("filler", rig.connectNats());
      publishers.add(filler);
      StreamFill fill = new StreamFill(rig, filler, nats);
      Conductor conductor =
          new Conductor(
              rig, new Random(seed), faults(rig, fill, nats), () -> state(publishers, fill));
      conductor.run(seconds);
      long faultsEnded = System.nanoTime();
      for (Publisher publisher : publishers) {
        publisher.finish();
      }
      rig.awaitReady(rig.programs());
      awaitDrained(fill, conductor);
      double drainedAfter = (System.nanoTime() - faultsEnded) / 1e9;
      Audit.Result audit = Audit.of(rig, publishers, nats);
      conductor.watch();
      rig.stopWorkers();
      return new Report(
          command(),
          seconds,
          conductor.happened(),
          conductor.surprises(),
          sum(publishers),
          audit,
          fill.drains(),
          drainedAfter,
          telemetry(rig));
    } finally {
      for (Publisher publisher : publishers) {
        publisher.close();
      }
    }
  }

  private List<Fault> faults(Rig rig, StreamFill fill, Connection nats) {
    List<Fault> faults = new ArrayList<>();
    for (Program program : rig.programs()) {
      faults.add(Fault.kill(program));
    }
    for (Program worker : rig.workers) {
      faults.add(Fault.killInCommit(worker, rig.postgres));
      faults.add(Fault.stall(worker));
    }
    for (Program broker : rig.brokers) {
      faults.add(Fault.killInCommit(broker, rig.postgres));
      faults.add(Fault.stall(broker));
    }
    faults.add(Fault.stall(rig.postgres));
    if (rig.tempo == null) {
      faults.add(
          new Fault(
              "kill the span sink", Set.of("sink"), 0, 2500, rig.sink::close, rig.sink::open));
    }
    faults.add(Fault.alone("delete the durable", () -> deleteDurable(nats)));
    faults.add(Fault.alone("fill the stream", fill::run));
    return faults;
  }

  /** Also where this connection learns only later than the others that the broker is back. */
  private static void deleteDurable(Connection nats) throws IOException, JetStreamApiException {
    JetStreamOptions patient =
        JetStreamOptions.builder().requestTimeout(Duration.ofSeconds(20)).build();
    nats.jetStreamManagement(patient).deleteConsumer("CHAT_MESSAGES", "persist-worker");
  }

  private static String state(List<Publisher> publishers, StreamFill fill) {
    Publisher.Count count = sum(publishers);
    ConsumerInfo durable = fill.durable();
    return String.format(
        Locale.ROOT,
        "acknowledged %,d, refused %,d, unanswered %,d; %s",
        count.acknowledged(),
        count.refused(),
        count.unknown(),
        durable == null
            ? "no consumer answers"
            : durable.getNumPending() + durable.getNumAckPending() + " not yet persisted");
  }

  private static Publisher.Count sum(List<Publisher> publishers) {
    return publishers.stream()
        .map(Publisher::count)
        .reduce(new Publisher.Count(0, 0, 0, 0), Publisher.Count::plus);
  }

  private static void awaitDrained(StreamFill fill, Conductor conductor) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DRAIN_SECONDS);
    while (!fill.isDrained()) {
      conductor.watch();
      if (System.nanoTime() - deadline > 0) {
        throw new IOException("after " + DRAIN_SECONDS + " s there is still something to persist");
      }
      TimeUnit.MILLISECONDS.sleep(100);
    }
  }

  private static String telemetry(Rig rig) {
    return rig.tempo == null
        ? String.format(Locale.ROOT, "Traces went to a counting sink: %,d spans.", rig.sink.spans())
        : "Traces went to Tempo.";
  }

  private String command() {
    return "make chaos SEED=" + seed + " SECONDS=" + seconds + (cluster ? " CLUSTER=1" : "");
  }

  private static void cleanUp(Rig rig, Path data) {
    try {
      rig.close();
      delete(data);
    } catch (IOException e) {
      System.err.println("Left behind: " + data + ": " + e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (NoSuchFileException e) {
      delete(directory); // one went by itself
    }
  }
}
