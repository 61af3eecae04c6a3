package dev.natschat.observer;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.sdk.common.InstrumentationScopeInfo;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.resources.Resource;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a nats-server logged at a time, as the exporter takes it. Its format is that of
 * nats-server's logger/log.go with {@code logtime_utc}.
 *
 * @param level nats-server's word for it, such as {@code INF}
 */
record ServerLogLine(Resource resource, long timeNanos, String level, String text)
    implements LogRecordData {

  private static final InstrumentationScopeInfo SCOPE =
      InstrumentationScopeInfo.create("dev.natschat.observer.logs");
  private static final Pattern LINE =
      Pattern.compile(
          "\\[\\d+] (\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{6}) \\[([A-Z]{3})] (.*)");
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy/MM/dd HH:mm:ss.SSSSSS");

  /**
   * A client that breaks the protocol is quoted: with what stood where a command should, which may
   * be a message's text, or with the beginning of a line that was too long, which may be a token.
   */
  private static final Pattern QUOTED = Pattern.compile("(proto='|\\(snip: ).*");

  private static final Map<String, Severity> SEVERITIES =
      Map.of(
          "TRC", Severity.TRACE,
          "DBG", Severity.DEBUG,
          "INF", Severity.INFO,
          "WRN", Severity.WARN,
          "ERR", Severity.ERROR,
          "FTL", Severity.FATAL);
  private static final int MAX_TEXT = 16 * 1024;

  /**
   * What does not look like a line of the log, such as a stack trace, belongs to the line before
   * it.
   *
   * @param otherwise the time of what no line is before
   */
  static List<ServerLogLine> parse(List<String> lines, Resource resource, long otherwise) {
    List<ServerLogLine> parsed = new ArrayList<>();
    for (String line : lines) {
      ServerLogLine begun = begin(line, resource);
      if (begun != null) {
        parsed.add(begun);
      } else if (!line.isBlank()) {
        int last = parsed.size() - 1;
        if (last < 0) {
          parsed.add(new ServerLogLine(resource, otherwise, "", withoutQuotes(line)));
        } else {
          parsed.set(last, parsed.get(last).continued(line));
        }
      }
    }
    return parsed;
  }

  private static @Nullable ServerLogLine begin(String line, Resource resource) {
    Matcher match = LINE.matcher(line);
    if (!match.matches()) {
      return null;
    }
    try {
      Instant time = LocalDateTime.parse(match.group(1), TIME).toInstant(ZoneOffset.UTC);
      long nanos = time.getEpochSecond() * 1_000_000_000L + time.getNano();
      return new ServerLogLine(resource, nanos, match.group(2), withoutQuotes(match.group(3)));
    } catch (DateTimeParseException noSuchTime) {
      return null;
    }
  }

  private static String withoutQuotes(String text) {
    String shown = QUOTED.matcher(text).replaceFirst("$1(left out)");
    return shown.substring(0, Math.min(shown.length(), MAX_TEXT));
  }

  private ServerLogLine continued(String line) {
    String longer = text + "\n" + withoutQuotes(line);
    return longer.length() > MAX_TEXT
        ? this
        : new ServerLogLine(resource, timeNanos, level, longer);
  }

  @Override
  public Resource getResource() {
    return resource;
  }

  @Override
  public InstrumentationScopeInfo getInstrumentationScopeInfo() {
    return SCOPE;
  }

  @Override
  public long getTimestampEpochNanos() {
    return timeNanos;
  }

  /** The same, so that a line that is sent twice is the same record. */
  @Override
  public long getObservedTimestampEpochNanos() {
    return timeNanos;
  }

  @Override
  public SpanContext getSpanContext() {
    return SpanContext.getInvalid();
  }

  @Override
  public Severity getSeverity() {
    return SEVERITIES.getOrDefault(level, Severity.UNDEFINED_SEVERITY_NUMBER);
  }

  /** The word that the services' logs have for it. */
  @Override
  public @Nullable String getSeverityText() {
    Severity severity = getSeverity();
    return severity == Severity.UNDEFINED_SEVERITY_NUMBER ? null : severity.name();
  }

  @Override
  @Deprecated // still abstract
  public io.opentelemetry.sdk.logs.data.Body getBody() {
    return io.opentelemetry.sdk.logs.data.Body.string(text);
  }

  @Override
  public Value<?> getBodyValue() {
    return Value.of(text);
  }

  @Override
  public Attributes getAttributes() {
    return Attributes.empty();
  }

  @Override
  public int getTotalAttributeCount() {
    return 0;
  }
}
