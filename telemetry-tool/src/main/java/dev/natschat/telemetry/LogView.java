package dev.natschat.telemetry;

import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Prints log lines; an exception's type and message follow its line. */
final class LogView {
  private static final Pattern ADDED =
      Pattern.compile(
          "(code|container|deployment|dropped|exception|host|os|otel|process|scope|service|severity|telemetry|thread)_"
              + "|(detected_level|flags|observed_timestamp|span_id|trace_id)$");

  private final Terminal terminal;
  private final PrintStream out;

  LogView(Terminal terminal, PrintStream out) {
    this.terminal = terminal;
    this.out = out;
  }

  /**
   * The lines of one trace, with their offset from its start; each service is indented as far as it
   * comes later.
   */
  void ofTrace(List<LogLine> lines, Trace trace) {
    List<String> services =
        Stream.concat(trace.services().stream(), lines.stream().map(LogLine::service))
            .distinct()
            .toList();
    for (LogLine line : lines) {
      int position = services.indexOf(line.service());
      String prefix =
          " %9s  %s %s "
              .formatted(
                  Text.duration(line.timeNanos() - trace.startNanos()),
                  level(line),
                  " ".repeat(2 * Math.min(position, 5))
                      + terminal.tint(position, Terminal.harmless(line.service())));
      print(
          prefix,
          1 + 9 + 2 + 5 + 1 + 2 * Math.min(position, 5) + line.service().length() + 1,
          line);
    }
  }

  /**
   * Lines with their time (UTC) and the trace they belong to.
   *
   * @param since how old a line may be: from a day on, each has its date, too
   */
  void ofAll(List<LogLine> lines, Duration since) {
    boolean dated = since.compareTo(Duration.ofDays(1)) >= 0;
    int timeWidth = dated ? 23 : 12;
    List<String> services = lines.stream().map(LogLine::service).distinct().sorted().toList();
    int width = services.stream().mapToInt(String::length).max().orElse(0);
    for (LogLine line : lines) {
      String prefix =
          " %s %s %s "
              .formatted(
                  dated ? Text.dateTime(line.timeNanos()) : Text.time(line.timeNanos()),
                  level(line),
                  terminal.tint(
                      services.indexOf(line.service()), terminal.column(line.service(), width)));
      print(prefix, 1 + timeWidth + 1 + 5 + 1 + width + 1, line);
      String traceId = line.labels().get("trace_id");
      if (traceId != null) {
        out.println(" ".repeat(timeWidth + 2) + terminal.dim("trace " + traceId));
      }
    }
  }

  /** What the logger was given as keys and values, and nothing that Loki or the agent adds. */
  private static String arguments(LogLine line) {
    return line.labels().entrySet().stream()
        .filter(label -> !ADDED.matcher(label.getKey()).lookingAt())
        .map(label -> " " + label.getKey() + "=" + label.getValue())
        .collect(Collectors.joining());
  }

  private String level(LogLine line) {
    String text = terminal.column(line.level(), 5);
    return switch (line.level()) {
      case "ERROR", "FATAL" -> terminal.red(text);
      case "WARN" -> terminal.yellow(text);
      default -> terminal.dim(text);
    };
  }

  /**
   * The message, broken at the terminal's width and indented; never cut, since its end may be what
   * matters.
   */
  private void print(String prefix, int prefixWidth, LogLine line) {
    int room = Math.max(30, terminal.width() - prefixWidth);
    String message = line.body().strip() + arguments(line);
    String exception = line.labels().get("exception_type");
    if (exception != null) {
      message += "\n" + exception + ": " + line.labels().getOrDefault("exception_message", "");
    }
    String lead = prefix;
    for (String part : message.split("\n", -1)) {
      String rest = Terminal.harmless(part);
      do {
        int end = Math.min(room, rest.length());
        int space = end < rest.length() ? rest.lastIndexOf(' ', end) : -1;
        int cut = space > room / 2 ? space : end;
        out.println(lead + rest.substring(0, cut));
        rest = rest.substring(cut).stripLeading();
        lead = " ".repeat(prefixWidth);
      } while (!rest.isEmpty());
    }
  }
}
