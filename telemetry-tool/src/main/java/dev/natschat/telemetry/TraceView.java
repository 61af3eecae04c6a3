package dev.natschat.telemetry;

import static java.util.Comparator.comparingLong;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Draws one trace: a line per span with service, kind, tree, offset, duration and bar; under it
 * what matters of its attributes, its error, and where its links lead.
 */
final class TraceView {
  private static final int LINKS_SHOWN = 5;
  private static final int TIMES_AND_BAR = 9 + 1 + 9 + 2 + 16;

  /** Attributes worth a place under every span, and how they read there. */
  private static final Map<String, String> NOTABLE = notable();

  /** Facts about the process, the same for all its spans: never under a span. */
  private static final List<String> ABOUT_THE_PROCESS =
      List.of(
          "process.",
          "os.",
          "host.",
          "telemetry.",
          "container.",
          "service.",
          "deployment.",
          "thread.");

  private final Terminal terminal;
  private final PrintStream out;
  private final int limit;
  private final boolean allAttributes;
  private final Function<String, Optional<Trace>> otherTraces;

  /**
   * @param limit at most so many spans are drawn; 0 for all
   * @param otherTraces looks a linked trace up by its id
   */
  TraceView(
      Terminal terminal,
      PrintStream out,
      int limit,
      boolean allAttributes,
      Function<String, Optional<Trace>> otherTraces) {
    this.terminal = terminal;
    this.out = out;
    this.limit = limit == 0 ? Integer.MAX_VALUE : limit;
    this.allAttributes = allAttributes;
    this.otherTraces = otherTraces;
  }

  void draw(Trace trace) {
    new Drawing(trace).draw();
  }

  /** The state of one drawing. */
  private final class Drawing {
    private final Trace trace;
    private final List<String> services;
    private final Map<String, List<Span>> children = new HashMap<>();
    private final Map<String, Optional<Trace>> linked = new HashMap<>();
    private final Set<Span> drawn = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Set<String> ids;
    private final int serviceWidth;
    private final int nameWidth;

    Drawing(Trace trace) {
      this.trace = trace;
      this.services = trace.services();
      this.ids = trace.spans().stream().map(Span::id).collect(Collectors.toSet());
      for (Span span : trace.spans()) {
        if (span.parentId() != null) {
          children.computeIfAbsent(span.parentId(), id -> new ArrayList<>()).add(span);
        }
      }
      this.serviceWidth =
          Math.max(7, Math.min(20, services.stream().mapToInt(String::length).max().orElse(0)));
      this.nameWidth = terminal.width() - 1 - serviceWidth - 1 - 9 - TIMES_AND_BAR;
    }

    void draw() {
      heading();
      List<Span> tops = new ArrayList<>(trace.roots());
      tops.addAll(trace.orphans());
      tops.sort(comparingLong(Span::startNanos));
      for (Span top : tops) {
        subtree(top, "", "");
      }
      for (Span span : trace.spans()) {
        subtree(span, "", ""); // only what no root reaches: parents in a circle
      }
      if (drawn.size() < trace.spans().size()) {
        out.printf(
            "  %s%n",
            terminal.yellow(
                "%s more not drawn (--limit 0 draws all)"
                    .formatted(Text.counted(trace.spans().size() - drawn.size(), "span"))));
      }
    }

    private void heading() {
      long errors = trace.spans().stream().filter(Span::error).count();
      out.printf(
          "%s  %s%n",
          terminal.bold("TRACE " + trace.id()),
          terminal.bold(Terminal.harmless(trace.first().name())));
      out.printf(
          "%s UTC   %s   %s   %s   %s%n",
          Text.dateTime(trace.startNanos()),
          Text.duration(trace.durationNanos()),
          Text.counted(trace.spans().size(), "span"),
          Text.counted(services.size(), "service"),
          errors == 0 ? "no errors" : terminal.red(Text.counted((int) errors, "error")));
      int orphans = trace.orphans().size();
      if (orphans > 0) {
        out.println(
            terminal.yellow(
                "%s without the parent in this trace: still on its way, lost, or never recorded"
                    .formatted(Text.counted(orphans, "span"))));
      }
      out.println();
      out.println(
          terminal.dim(
              " %s KIND     %s%9s %9s"
                  .formatted(
                      terminal.column("SERVICE", serviceWidth),
                      terminal.column("SPAN", nameWidth),
                      "AT",
                      "TOOK")));
    }

    private void subtree(Span span, String lead, String branch) {
      if (drawn.size() >= limit || !drawn.add(span)) {
        return;
      }
      spanLine(span, deepest(lead + branch));
      boolean more = branch.equals(terminal.glyph("├─ ", "|- "));
      String inner = branch.isEmpty() ? lead : lead + (more ? terminal.glyph("│  ", "|  ") : "   ");
      List<Span> below = children.getOrDefault(span.id(), List.of());
      String detailLead = inner + (below.isEmpty() ? "   " : terminal.glyph("│  ", "|  "));
      details(span, deepest(detailLead));
      for (int i = 0; i < below.size(); i++) {
        boolean lastChild = i == below.size() - 1;
        subtree(
            below.get(i),
            inner,
            lastChild ? terminal.glyph("└─ ", "`- ") : terminal.glyph("├─ ", "|- "));
      }
    }

    /** Of a very deep tree only the innermost branches, so that names stay readable. */
    private String deepest(String tree) {
      return tree.substring(Math.max(0, tree.length() - nameWidth / 2));
    }

    private void spanLine(Span span, String tree) {
      String missingParent =
          span.parentId() != null && tree.isEmpty() ? terminal.glyph("⋯ ", "? ") : "";
      String name = terminal.column(tree + missingParent + span.name(), nameWidth - 1) + " ";
      String shownName =
          span.error()
              ? name.substring(0, tree.length()) + terminal.red(name.substring(tree.length()))
              : name;
      out.printf(
          " %s %-8s %s%9s %9s  %s%n",
          terminal.tint(
              services.indexOf(span.service()), terminal.column(span.service(), serviceWidth)),
          span.kind(),
          shownName,
          Text.duration(span.startNanos() - trace.startNanos()),
          Text.duration(span.durationNanos()),
          bar(span));
    }

    private String bar(Span span) {
      int width = 15;
      double scale = trace.durationNanos() == 0 ? 0 : (double) width / trace.durationNanos();
      int from = (int) Math.min(width - 1, (span.startNanos() - trace.startNanos()) * scale);
      int length =
          (int) Math.max(1, Math.min(width - from, Math.round(span.durationNanos() * scale)));
      String bar = " ".repeat(from) + terminal.glyph("█", "#").repeat(length);
      return span.error()
          ? terminal.red(bar)
          : terminal.tint(services.indexOf(span.service()), bar);
    }

    private void details(Span span, String lead) {
      if (span.parentId() != null && !ids.contains(span.parentId())) {
        detail(lead, terminal.yellow("its parent " + span.parentId() + " is not in this trace"));
      }
      if (span.error()) {
        detail(lead, terminal.red(terminal.fit("ERROR " + errorText(span), detailWidth(lead))));
      }
      if (allAttributes) {
        span.attributes()
            .forEach(
                (key, value) -> {
                  if (!aboutTheProcess(key)) {
                    detail(
                        lead, terminal.dim(terminal.fit(key + " = " + value, detailWidth(lead))));
                  }
                });
        detail(
            lead,
            terminal.dim(
                "span " + span.id() + (span.scope().isEmpty() ? "" : ", scope " + span.scope())));
      } else {
        String summary = summary(span);
        if (!summary.isEmpty()) {
          detail(lead, terminal.dim(terminal.fit(summary, detailWidth(lead))));
        }
      }
      span.links().stream().limit(LINKS_SHOWN).forEach(link -> link(link, lead));
      if (span.links().size() > LINKS_SHOWN) {
        detail(
            lead,
            terminal.glyph("↗", "->")
                + " and "
                + Text.counted(span.links().size() - LINKS_SHOWN, "more link"));
      }
    }

    private int detailWidth(String lead) {
      return terminal.width() - (1 + serviceWidth + 1 + 9) - lead.length();
    }

    private void detail(String lead, String text) {
      out.printf("%s%s%s%n", " ".repeat(1 + serviceWidth + 1 + 9), lead, text);
    }

    private void link(Span.Link link, String lead) {
      boolean here = link.traceId().equals(trace.id());
      Optional<Trace> other =
          here ? Optional.of(trace) : linked.computeIfAbsent(link.traceId(), otherTraces);
      String target =
          other
              .flatMap(t -> t.span(link.spanId()))
              .map(s -> "%s of %s".formatted(s.name(), s.service()))
              .orElse("a span that is not stored (yet)");
      String text =
          "%s %s  %s"
              .formatted(
                  terminal.glyph("↗", "->"), here ? "in this trace" : link.traceId(), target);
      detail(lead, terminal.fit(text, detailWidth(lead)));
    }
  }

  /** Ids of the other traces that the links of this one lead to, in the order they are drawn. */
  static Set<String> linkedTraces(Trace trace) {
    Set<String> ids = new LinkedHashSet<>();
    for (Span span : trace.spans()) {
      for (Span.Link link : span.links()) {
        if (!link.traceId().equals(trace.id())) {
          ids.add(link.traceId());
        }
      }
    }
    return ids;
  }

  private static String errorText(Span span) {
    String type = orEmpty(span.attribute("error.type"));
    String message = span.statusMessage();
    for (Span.Event event : span.events()) {
      if (event.name().equals("exception")) {
        type = orEmpty(event.attributes().getOrDefault("exception.type", type));
        message = orEmpty(event.attributes().getOrDefault("exception.message", message));
      }
    }
    if (type.isEmpty() && message.isEmpty()) {
      return "(the span says no more)";
    }
    return type.isEmpty() ? message : message.isEmpty() ? type : type + ": " + message;
  }

  private static String summary(Span span) {
    List<String> parts = new ArrayList<>();
    NOTABLE.forEach(
        (key, format) -> {
          String value = span.attribute(key);
          if (value != null && !(key.endsWith("delivery_count") && value.equals("1"))) {
            parts.add(format.formatted(value.replaceAll("\\s+", " ")));
          }
        });
    return String.join(", ", parts);
  }

  private static boolean aboutTheProcess(String attribute) {
    return ABOUT_THE_PROCESS.stream().anyMatch(attribute::startsWith);
  }

  private static String orEmpty(@Nullable String text) {
    return text == null ? "" : text;
  }

  private static Map<String, String> notable() {
    Map<String, String> notable = new LinkedHashMap<>();
    notable.put("messaging.batch.message_count", "%s messages");
    notable.put("messaging.nats.outcome", "%s");
    notable.put("messaging.nats.delivery_count", "delivery %s");
    notable.put("messaging.nats.stream_sequence", "seq %s");
    notable.put("messaging.message.body.size", "%s B");
    notable.put("messaging.destination.name", "%s");
    notable.put("messaging.nats.subscription", "for %s");
    notable.put("messaging.nats.peer.name", "%s");
    notable.put("messaging.nats.server.name", "at %s");
    notable.put("messaging.nats.not_delivered", "%s");
    notable.put("messaging.consumer.group.name", "group %s");
    notable.put("db.query.text", "%s");
    notable.put("http.response.status_code", "HTTP %s");
    notable.put("http.request.method", "%s");
    notable.put("url.full", "%s");
    return notable;
  }
}
