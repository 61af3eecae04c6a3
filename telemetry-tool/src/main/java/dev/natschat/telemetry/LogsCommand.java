package dev.natschat.telemetry;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Prints log lines of all services or one. */
@Command(
    name = "logs",
    mixinStandardHelpOptions = true,
    description =
        "Log lines from Loki, oldest first, with the trace each belongs to. Times are UTC.")
final class LogsCommand implements Callable<Integer> {
  @Option(names = "--service", paramLabel = "NAME", description = "only of this service")
  private @Nullable String service;

  @Option(names = "--trace", paramLabel = "ID", description = "only of this trace")
  private @Nullable String trace;

  @Option(
      names = "--level",
      paramLabel = "LEVEL",
      split = ",",
      description = "only of these levels, such as ERROR,WARN")
  private List<String> levels = List.of();

  @Option(
      names = "--since",
      paramLabel = "AGE",
      defaultValue = "15m",
      converter = Age.class,
      description = "not older than this: 30s, 15m, 2h, 1d (default: ${DEFAULT-VALUE})")
  private Duration since = Duration.ofMinutes(15);

  @Option(
      names = "--limit",
      paramLabel = "N",
      defaultValue = "200",
      description = "the newest N lines (default: ${DEFAULT-VALUE})")
  private int limit;

  private final Session session;

  LogsCommand(Session session) {
    this.session = session;
  }

  @Override
  public Integer call() {
    Instant now = Instant.now();
    LokiReader loki = new LokiReader(session.addresses());
    Instant start = now.minus(since).isBefore(Instant.EPOCH) ? Instant.EPOCH : now.minus(since);
    List<LogLine> lines = loki.query(logQl(service, trace, levels), start, now, limit);
    new LogView(session.terminal(), session.out()).ofAll(lines, since);
    if (lines.isEmpty()) {
      session.err().println("no log line of the last " + Text.age(since) + " fits");
      return 1;
    }
    if (lines.size() == limit) {
      session.err().println("the newest " + limit + " lines; --limit shows more");
    }
    return 0;
  }

  static String logQl(@Nullable String service, @Nullable String trace, List<String> levels) {
    List<String> conditions = new ArrayList<>();
    conditions.add(
        service == null || service.isBlank()
            ? LokiReader.ALL
            : "{service_name=\"%s\"}".formatted(service.replaceAll("[\"\\\\]", "")));
    if (trace != null && !trace.isBlank()) {
      conditions.add("trace_id=\"%s\"".formatted(Trace.normalizeId(trace)));
    }
    List<String> named = levels.stream().filter(level -> level.matches("[A-Za-z]+")).toList();
    if (!named.isEmpty()) {
      conditions.add(
          "severity_text=~\"%s\"".formatted(String.join("|", named).toUpperCase(Locale.ROOT)));
    }
    return String.join(" | ", conditions);
  }

  /** An age such as 90s, 15m, 2h or 1d. */
  static final class Age implements ITypeConverter<Duration> {
    private static final Pattern FORM = Pattern.compile("(\\d{1,6})([smhd])");

    @Override
    public Duration convert(String text) {
      Matcher matcher = FORM.matcher(text.strip().toLowerCase(Locale.ROOT));
      if (!matcher.matches()) {
        throw new TypeConversionException(
            "\"" + text + "\" is no age: expected one like 30s, 15m, 2h or 1d");
      }
      long count = Long.parseLong(matcher.group(1));
      return switch (matcher.group(2)) {
        case "s" -> Duration.ofSeconds(count);
        case "m" -> Duration.ofMinutes(count);
        case "h" -> Duration.ofHours(count);
        default -> Duration.ofDays(count);
      };
    }
  }
}
