package dev.natschat.telemetry;

import static java.util.Comparator.comparingLong;

import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Prints one trace and its log lines. */
@Command(
    name = "trace",
    mixinStandardHelpOptions = true,
    description =
        "One trace as a tree with times, kinds, services, errors and links, then the log lines that belong to it.")
final class TraceCommand implements Callable<Integer> {
  /** Spans that a message's trace has; the second alone when its publisher is not traced. */
  private static final String PUBLISH = "publish chat.*";

  private static final String PROCESS = "process chat.*";

  private static final Duration LOOK_BACK = Duration.ofHours(24);
  private static final Duration STILL_ARRIVING = Duration.ofSeconds(15);
  private static final Duration UNSEARCHABLE = Duration.ofSeconds(30);
  private static final int FOLLOWED = 3;
  private static final int MOST_LINES = 500;

  @Parameters(
      arity = "0..1",
      paramLabel = "ID",
      description =
          "the trace's id, with or without leading zeros; default: the newest message that arrived somewhere")
  private @Nullable String id;

  @Option(
      names = "--follow",
      description = "print the traces that its links lead to as well (the first 3)")
  private boolean follow;

  @Option(
      names = "--attributes",
      description = "all attributes of each span but those of its process")
  private boolean attributes;

  @Option(
      names = "--limit",
      paramLabel = "N",
      defaultValue = "200",
      description = "draw at most N spans, 0 for all (default: ${DEFAULT-VALUE})")
  private int limit;

  @Option(names = "--no-logs", description = "the tree alone")
  private boolean noLogs;

  private final Session session;
  private final Terminal terminal;
  private final PrintStream out;
  private final Map<String, Optional<Trace>> known = new HashMap<>();

  TraceCommand(Session session) {
    this.session = session;
    this.terminal = session.terminal();
    this.out = session.out();
  }

  @Override
  public Integer call() {
    TraceReader traces = TraceReader.open(session.addresses());
    Optional<Trace> found = id == null || id.isBlank() ? newest(traces) : traces.trace(id);
    if (found.isEmpty()) {
      session.err().println(notFound(traces));
      return 1;
    }
    Trace trace = found.get();
    draw(trace, traces);
    Set<String> linked = TraceView.linkedTraces(trace);
    if (follow) {
      linked.stream().limit(FOLLOWED).forEach(other -> followed(other, traces));
    }
    ending(trace, linked, traces);
    return 0;
  }

  /** The newest message that came somewhere; without one, the newest that was published at all. */
  private Optional<Trace> newest(TraceReader traces) {
    Stream<String> found =
        Stream.of(PUBLISH, PROCESS)
            .flatMap(name -> traces.search(TraceQuery.spanNamed(name, LOOK_BACK, 20)).stream());
    List<Trace> newestFirst =
        Stream.concat(found, newestLogged().stream())
            .distinct()
            .flatMap(each -> traces.trace(each).stream())
            .sorted(comparingLong(Trace::startNanos).reversed())
            .toList();
    return newestFirst.stream()
        .filter(TraceCommand::arrived)
        .findFirst()
        .or(() -> newestFirst.stream().findFirst());
  }

  /** Tempo's search finds no trace in its first seconds, though it has it: logs name some. */
  private List<String> newestLogged() {
    Instant now = Instant.now();
    try {
      return new LokiReader(session.addresses())
          .query(LokiReader.ALL + " | trace_id!=\"\"", now.minus(UNSEARCHABLE), now, 20).stream()
              .map(line -> Trace.normalizeId(line.labels().getOrDefault("trace_id", "")))
              .toList();
    } catch (BackendException noLogs) {
      return List.of();
    }
  }

  /** A message's trace without a publish begins where it arrived; a batch's is of many messages. */
  private static boolean arrived(Trace trace) {
    if (trace.named(PUBLISH).isEmpty()) {
      return trace.named(PROCESS).stream()
          .anyMatch(span -> span.attribute("messaging.batch.message_count") == null);
    }
    return trace.services().stream().filter(service -> !service.equals(Trace.BROKER)).count() > 1;
  }

  private String notFound(TraceReader traces) {
    return id == null || id.isBlank()
        ? "%s holds no trace of a message published in the last 24 h: send one (make demo), or name a trace (make trace ID=...)"
            .formatted(traces.source())
        : "%s holds no trace %s: it has not arrived yet (give it some seconds), is older than what is kept, or was not sampled"
            .formatted(traces.source(), Trace.normalizeId(id));
  }

  private void draw(Trace trace, TraceReader traces) {
    new TraceView(terminal, out, limit, attributes, other -> lookUp(other, traces)).draw(trace);
    if (!noLogs) {
      out.println();
      logs(trace);
    }
  }

  private Optional<Trace> lookUp(String traceId, TraceReader traces) {
    return known.computeIfAbsent(traceId, traces::trace);
  }

  private void logs(Trace trace) {
    Instant start = Text.instant(trace.startNanos()).minusSeconds(60);
    Instant end = Text.instant(trace.startNanos() + trace.durationNanos()).plusSeconds(600);
    try {
      List<LogLine> lines =
          new LokiReader(session.addresses()).ofTrace(trace.id(), start, end, MOST_LINES);
      out.println(
          terminal.bold("LOGS")
              + "  "
              + (lines.isEmpty()
                  ? "none"
                  : (lines.size() == MOST_LINES ? "the newest " : "")
                      + Text.counted(lines.size(), "line")));
      new LogView(terminal, out).ofTrace(lines, trace);
      if (lines.size() == MOST_LINES) {
        out.println(
            terminal.dim(
                "more: telemetry-tool/run logs --since 1d --limit 5000 --trace " + trace.id()));
      }
    } catch (BackendException e) {
      out.println(terminal.bold("LOGS") + "  " + terminal.yellow(String.valueOf(e.getMessage())));
    }
  }

  private void followed(String other, TraceReader traces) {
    out.println();
    lookUp(other, traces)
        .ifPresentOrElse(
            trace -> draw(trace, traces),
            () ->
                out.println(terminal.yellow("TRACE " + other + " is linked but not stored (yet)")));
  }

  private void ending(Trace trace, Set<String> linked, TraceReader traces) {
    out.println();
    Duration age =
        Duration.between(Text.instant(trace.startNanos() + trace.durationNanos()), Instant.now());
    if (age.compareTo(STILL_ARRIVING) < 0) {
      out.println(
          terminal.yellow(
              "This trace is %s old: more of it may still arrive.".formatted(Text.age(age))));
    }
    if (!linked.isEmpty() && !follow) {
      out.println(
          "Linked with %s: make trace ID=%s"
              .formatted(Text.counted(linked.size(), "other trace"), linked.iterator().next()));
    }
    if (follow && linked.size() > FOLLOWED) {
      out.println(Text.counted(linked.size() - FOLLOWED, "more linked trace") + " not printed");
    }
    out.println(terminal.dim("from " + traces.source()));
  }
}
