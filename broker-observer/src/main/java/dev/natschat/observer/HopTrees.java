package dev.natschat.observer;

import static java.util.Comparator.comparingInt;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Puts the events of one message together, in whatever order they come. Each says to which servers
 * it passed the message on, so it is known when all are there. What is missing after a while is not
 * waited for: whose predecessor is lost becomes a child of the nearest one that is known. For one
 * thread.
 */
final class HopTrees {
  /** From the first event of a message. Servers send them within milliseconds. */
  static final Duration PATIENCE = Duration.ofSeconds(2);

  /** For late events: what they are put under. */
  private static final Duration REMEMBERED = Duration.ofMinutes(1);

  static final int MAX_OPEN = 10_000;
  private static final int MAX_REMEMBERED = 10_000;

  /** No message passes so many servers: its traceparent is used again and again. */
  static final int MAX_EVENTS = 1000;

  private final LongSupplier nanoTime;
  private final Map<String, Tree> open = new LinkedHashMap<>();
  private final Map<String, Tree> remembered = new LinkedHashMap<>();

  HopTrees(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /** Everything that became of one published message, as far as it is known. */
  static final class Tree {
    private List<HopEvent> events = new ArrayList<>();
    private final Set<String> seen = new HashSet<>();
    private final long since;
    private final Set<String> sent = new HashSet<>();
    private final Set<String> arrived = new HashSet<>();

    /** The spans of events that were handed out before, by what they are the parent of. */
    final Map<String, String> parents = new HashMap<>();

    private Tree(long since) {
      this.since = since;
    }

    private void add(HopEvent event) {
      if (seen.add(event.key())) {
        events.add(event);
        arrived.add(event.hop());
        if (event.isFirst()) {
          sent.add(event.hop());
        }
        event.steps().stream()
            .map(HopEvent.Step::hop)
            .filter(hop -> !hop.isEmpty())
            .forEach(sent::add);
      }
    }

    private void resume(Tree before) {
      seen.addAll(before.seen);
      parents.putAll(before.parents);
      sent.addAll(before.sent);
      arrived.addAll(before.arrived);
    }

    /** Each after the one that it came from; not kept here any longer. */
    List<HopEvent> takeEvents() {
      List<HopEvent> taken = events;
      events = new ArrayList<>();
      taken.sort(comparingInt((HopEvent event) -> event.hop().length()));
      return taken;
    }

    boolean isComplete() {
      return sent.equals(arrived);
    }
  }

  boolean hasRoomFor(HopEvent event) {
    return open.size() < MAX_OPEN || open.containsKey(event.message());
  }

  /**
   * Gives all of the message's events if this was the last that was missing, or the last that there
   * is room for.
   */
  @Nullable Tree add(HopEvent event) {
    Tree tree = open.computeIfAbsent(event.message(), this::tree);
    tree.add(event);
    if (!tree.isComplete() && tree.seen.size() < MAX_EVENTS) {
      return null;
    }
    open.remove(event.message());
    return tree;
  }

  private Tree tree(String message) {
    Tree tree = new Tree(nanoTime.getAsLong());
    Tree before = remembered.remove(message);
    if (before != null) {
      tree.resume(before);
    }
    return tree;
  }

  /** Those that have waited long enough, incomplete as they are. */
  List<Tree> overdue() {
    return overdue(PATIENCE.toNanos());
  }

  List<Tree> all() {
    return overdue(0);
  }

  private List<Tree> overdue(long patience) {
    long now = nanoTime.getAsLong();
    List<Tree> overdue = new ArrayList<>();
    for (Iterator<Map.Entry<String, Tree>> oldest = open.entrySet().iterator();
        oldest.hasNext(); ) {
      Map.Entry<String, Tree> entry = oldest.next();
      if (now - entry.getValue().since < patience) {
        break;
      }
      oldest.remove();
      remembered.put(entry.getKey(), entry.getValue());
      overdue.add(entry.getValue());
    }
    forget(now);
    return overdue;
  }

  private void forget(long now) {
    for (Iterator<Tree> oldest = remembered.values().iterator(); oldest.hasNext(); ) {
      if (now - oldest.next().since < REMEMBERED.toNanos() && remembered.size() <= MAX_REMEMBERED) {
        return;
      }
      oldest.remove();
    }
  }
}
