package dev.natschat.client;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;

/** How a message looks in the terminal. */
final class Lines {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss").withZone(ZoneId.systemDefault());

  private Lines() {}

  static String of(ChatMessage message) {
    return "%s  %-10s %s"
        .formatted(
            TIME.format(Instant.ofEpochMilli(message.timestamp())),
            harmless(message.user()),
            harmless(message.text()));
  }

  /** Without control characters: somebody else's text must not command this terminal. */
  static String harmless(String text) {
    return text.replaceAll("\\p{Cntrl}", "?");
  }
}
