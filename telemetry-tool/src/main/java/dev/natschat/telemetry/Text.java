package dev.natschat.telemetry;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/**
 * Numbers and times as an operator reads them: three digits that matter, and a unit. All times are
 * UTC.
 */
final class Text {
  private static final DateTimeFormatter DATE_TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss.SSS", Locale.ROOT).withZone(ZoneOffset.UTC);
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm:ss.SSS", Locale.ROOT).withZone(ZoneOffset.UTC);

  private Text() {}

  static Instant instant(long epochNanos) {
    return Instant.ofEpochSecond(0, epochNanos);
  }

  static String dateTime(long epochNanos) {
    return DATE_TIME.format(instant(epochNanos));
  }

  static String time(long epochNanos) {
    return TIME.format(instant(epochNanos));
  }

  /** Such as {@code 0.25 ms}, {@code 18.4 ms}, {@code 2.10 s}. */
  static String duration(long nanos) {
    double ms = nanos / 1e6;
    if (Math.abs(ms) < 10) {
      return String.format(Locale.ROOT, "%.2f ms", ms);
    }
    if (Math.abs(ms) < 1000) {
      return String.format(Locale.ROOT, "%.1f ms", ms);
    }
    return Math.abs(ms) < 120_000
        ? String.format(Locale.ROOT, "%.2f s", ms / 1e3)
        : String.format(Locale.ROOT, "%.1f min", ms / 60e3);
  }

  /** Such as {@code 4 s}, {@code 12 min}, {@code 3 h}. */
  static String age(Duration age) {
    long seconds = Math.max(0, age.toSeconds());
    if (seconds < 120) {
      return seconds + " s";
    }
    return seconds < 7200 ? seconds / 60 + " min" : seconds / 3600 + " h";
  }

  static String number(double value) {
    return value == Math.rint(value)
        ? String.format(Locale.ROOT, "%,d", (long) value)
        : String.format(Locale.ROOT, "%,.2f", value);
  }

  static String counted(int count, String noun) {
    return String.format(Locale.ROOT, "%,d %s%s", count, noun, count == 1 ? "" : "s");
  }
}
