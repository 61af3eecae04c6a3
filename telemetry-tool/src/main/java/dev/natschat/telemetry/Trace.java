package dev.natschat.telemetry;

import static java.util.Comparator.comparingLong;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A trace as one server holds it now: more spans may still be on their way.
 *
 * @param id 32 lower-case hexadecimal digits
 * @param spans in order of their start; never empty
 */
public record Trace(String id, List<Span> spans) {
  /** The service of what NATS servers do with a message: broker-observer makes these spans. */
  public static final String BROKER = "nats-server";

  private static final Pattern HEX = Pattern.compile("[0-9a-f]{1,32}");

  /** Sorts the spans by their start. */
  public Trace {
    if (spans.isEmpty()) {
      throw new IllegalArgumentException("a trace has at least one span");
    }
    spans = spans.stream().sorted(comparingLong(Span::startNanos)).toList();
  }

  /**
   * A trace id as everything here writes it: servers and people drop leading zeros.
   *
   * @throws IllegalArgumentException when it is not up to 32 hexadecimal digits
   */
  public static String normalizeId(String id) {
    String hex = id.strip().toLowerCase(Locale.ROOT);
    if (!HEX.matcher(hex).matches()) {
      throw new IllegalArgumentException(
          "\"%s\" is no trace id: expected up to 32 hexadecimal digits".formatted(id));
    }
    return "0".repeat(32 - hex.length()) + hex;
  }

  /** Spans that have no parent. */
  public List<Span> roots() {
    return spans.stream().filter(span -> span.parentId() == null).toList();
  }

  /** Spans whose parent is not in this trace (as it is now). */
  public List<Span> orphans() {
    Set<String> ids = spans.stream().map(Span::id).collect(Collectors.toCollection(HashSet::new));
    return spans.stream()
        .filter(span -> span.parentId() != null && !ids.contains(span.parentId()))
        .toList();
  }

  /** The children of a span, in order of their start. */
  public List<Span> children(Span parent) {
    return spans.stream().filter(span -> parent.id().equals(span.parentId())).toList();
  }

  /** The span of that id. */
  public Optional<Span> span(String id) {
    return spans.stream().filter(span -> span.id().equals(id)).findFirst();
  }

  /** The spans of that name, whatever its case. */
  public List<Span> named(String name) {
    return spans.stream().filter(span -> span.named(name)).toList();
  }

  /** What the trace is called: its root's name, or its first span's when the root is missing. */
  public Span first() {
    return roots().stream().findFirst().orElse(spans.get(0));
  }

  /** When the first span started, in nanoseconds since the epoch. */
  public long startNanos() {
    return spans.get(0).startNanos();
  }

  /** From the first start to the last end. */
  public long durationNanos() {
    return spans.stream().mapToLong(Span::endNanos).max().orElseThrow() - startNanos();
  }

  /** Names of the services, in order of their first span. */
  public List<String> services() {
    return spans.stream().map(Span::service).distinct().toList();
  }
}
