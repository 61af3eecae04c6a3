package dev.natschat.benchmarks;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The three services, each beside its physical limit measured in the same run. */
@Command(
    name = "services",
    mixinStandardHelpOptions = true,
    description = "persist-worker, history-service and auth-service under load")
final class Services implements Callable<Integer> {
  enum Part {
    PERSIST,
    LIVE,
    HISTORY,
    CALLOUT,
    START
  }

  @Option(names = "--quick", description = "two minutes in all: shows that it works, not how fast")
  private boolean quick;

  @Option(names = "--only", split = ",", description = "${COMPLETION-CANDIDATES}; default: all")
  private List<Part> only = List.of(Part.values());

  @Option(names = "--rounds", defaultValue = "2", description = "default: ${DEFAULT-VALUE}")
  private int rounds;

  @Option(names = "--messages", defaultValue = "200000", description = "default: ${DEFAULT-VALUE}")
  private int messages;

  @Option(names = "--connects", defaultValue = "1500", description = "default: ${DEFAULT-VALUE}")
  private int connects;

  @Option(
      names = "--warm-up",
      defaultValue = "100000",
      description = "requests to history-service; default: ${DEFAULT-VALUE}")
  private int warmUp;

  @Option(names = "--tracing", split = ",", description = "${COMPLETION-CANDIDATES}; default: all")
  private List<Tracing> tracings = List.of(Tracing.values());

  @Option(
      names = "--jvm",
      split = ",",
      description = "of the service; default: that of processes/run")
  private List<String> jvm = List.of();

  @Override
  public Integer call() throws Exception {
    int times = quick ? 1 : rounds;
    List<Tracing> kinds = quick ? List.of(Tracing.ALWAYS) : tracings;
    System.out.println(Machine.description());
    Persist persist = new Persist(quick ? 10_000 : messages, kinds, jvm);
    Duration each = Duration.ofSeconds(quick ? 1 : 5);
    History history = new History(each, quick ? 500 : warmUp, kinds, jvm);
    Callout callout = new Callout(quick ? 50 : connects, kinds, jvm);
    Start start = new Start();
    measure(Part.PERSIST, times, persist::drainRound, persist::drainTable);
    measure(
        Part.LIVE,
        1,
        () -> {
          persist.liveRound(2000, quick ? 3 : 30);
          persist.liveRound(5000, quick ? 3 : 60);
        },
        persist::liveTable);
    measure(Part.HISTORY, times, history::round, history::markdown);
    measure(Part.CALLOUT, times, callout::round, callout::markdown);
    measure(Part.START, quick ? 1 : 3, start::round, start::markdown);
    return 0;
  }

  private interface Round {
    void measure() throws Exception;
  }

  private void measure(Part part, int times, Round round, Supplier<String> table) throws Exception {
    if (only.contains(part)) {
      for (int i = 0; i < times; i++) {
        round.measure();
      }
      System.out.println(table.get());
    }
  }
}
