package dev.natschat.client;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.regex.Pattern;

/** How a message looks in the terminal. */
final class Lines {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss").withZone(ZoneId.systemDefault());

  /**
   * Control characters, C1 among them, and the explicit bidirectional ones (Unicode Standard Annex
   * 9), which show another text than there is. Emoji and Persian keep their joiners, which are
   * neither.
   */
  private static final Pattern COMMANDS =
      Pattern.compile("[\\p{Cc}\\u202A-\\u202E\\u2066-\\u2069]");

  private Lines() {}

  static String of(ChatMessage message) {
    return "%s  %-10s %s"
        .formatted(
            TIME.format(Instant.ofEpochMilli(message.timestamp())),
            harmless(message.user()),
            harmless(message.text()));
  }

  /** Somebody else's text must not command this terminal. */
  static String harmless(String text) {
    return COMMANDS.matcher(text).replaceAll("?");
  }
}
