package dev.natschat.chaos;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Lets every kind of fault happen, in an order and at distances that the seed decides. */
final class Conductor {
  private static final long TICK_MILLIS = 50;
  private static final long SHORTEST_PAUSE_MILLIS = 500;
  private static final int PAUSES_DIFFER_BY_MILLIS = 2500;
  private static final long BETWEEN_STATES_SECONDS = 5;

  private final Rig rig;
  private final Random random;
  private final List<Fault> kinds;
  private final Supplier<String> state;
  private final Deque<Fault> deck = new ArrayDeque<>();
  private final Map<Fault, Long> active = new HashMap<>(); // and when each ends
  private final Map<String, Integer> happened = new TreeMap<>();
  private final List<String> surprises = new ArrayList<>();
  private final long start = System.nanoTime();
  private long lastState = start;

  /**
   * @param state in one line, for whoever watches
   */
  Conductor(Rig rig, Random random, List<Fault> kinds, Supplier<String> state) {
    this.rig = rig;
    this.random = random;
    this.kinds = List.copyOf(kinds);
    this.state = state;
  }

  /** How often each fault was made. */
  Map<String, Integer> happened() {
    return happened;
  }

  /** What ended without having been killed. */
  List<String> surprises() {
    return surprises;
  }

  void run(int seconds) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    long next = System.nanoTime();
    try {
      while (System.nanoTime() - end < 0) {
        endWhatIsOver();
        watch();
        if (System.nanoTime() - next >= 0 && begin()) {
          next = System.nanoTime() + pause();
        }
        TimeUnit.MILLISECONDS.sleep(TICK_MILLIS);
      }
    } finally {
      active.replaceAll((fault, until) -> System.nanoTime());
      endWhatIsOver();
    }
    say("no more faults");
  }

  private long pause() {
    return TimeUnit.MILLISECONDS.toNanos(
        SHORTEST_PAUSE_MILLIS + random.nextInt(PAUSES_DIFFER_BY_MILLIS));
  }

  /** Whether the next fault was possible now. */
  private boolean begin() throws Exception {
    if (deck.isEmpty()) {
      List<Fault> shuffled = new ArrayList<>(kinds);
      Collections.shuffle(shuffled, random);
      deck.addAll(shuffled);
    }
    Fault fault = deck.element();
    if (!isPossible(fault)) {
      return false;
    }
    deck.remove();
    long millis = fault.millis(random);
    say(
        fault.name()
            + (millis == 0 ? "" : String.format(Locale.ROOT, " for %.1f s", millis / 1e3)));
    happened.merge(fault.name(), 1, Integer::sum);
    fault.begin().run();
    active.put(fault, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis));
    return true;
  }

  private boolean isPossible(Fault fault) throws InterruptedException {
    if (fault.targets().contains(Fault.EVERYTHING)) {
      return active.isEmpty() && areReady();
    }
    return active.keySet().stream()
            .allMatch(other -> Collections.disjoint(other.targets(), fault.targets()))
        // Of three servers two are needed: one at a time.
        && (rig.brokers.size() == 1 || !befallsBroker(fault) || oneMayGo());
  }

  private boolean areReady() throws InterruptedException {
    for (Program program : rig.programs()) {
      if (!program.isReady()) {
        return false;
      }
    }
    return true;
  }

  private boolean oneMayGo() throws InterruptedException {
    return active.keySet().stream().noneMatch(this::befallsBroker) && rig.brokersAreHealthy();
  }

  private boolean befallsBroker(Fault fault) {
    return rig.brokers.stream().anyMatch(broker -> fault.targets().contains(broker.name()));
  }

  private void endWhatIsOver() throws Exception {
    long now = System.nanoTime();
    for (Map.Entry<Fault, Long> each : List.copyOf(active.entrySet())) {
      if (now - each.getValue() >= 0) {
        active.remove(each.getKey());
        each.getKey().end().run();
      }
    }
  }

  /** Starts what ended by itself, and keeps its name. */
  void watch() throws Exception {
    for (Program program : rig.programs()) {
      if (!program.isAlive()
          && active.keySet().stream()
              .noneMatch(fault -> fault.targets().contains(program.name()))) {
        surprises.add(program.name());
        say(program.name() + " ENDED BY ITSELF");
        program.start();
      }
    }
    if (System.nanoTime() - lastState > TimeUnit.SECONDS.toNanos(BETWEEN_STATES_SECONDS)) {
      lastState = System.nanoTime();
      say("  " + state.get());
    }
  }

  private void say(String what) {
    long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
    System.out.printf("%4d s  %s%n", seconds, what);
  }
}
