package dev.natschat.telemetry;

import java.io.PrintStream;
import java.nio.charset.Charset;
import java.util.Map;
import java.util.regex.Pattern;
import picocli.CommandLine.Help.Ansi;

/**
 * What the terminal can show. Colours only on a terminal and without {@code NO_COLOR}
 * (no-color.org); lines and bars of Unicode only where the locale has them; {@code COLUMNS} wide,
 * else 100.
 */
record Terminal(int width, boolean colour, boolean unicode) {
  private static final int DEFAULT_WIDTH = 100;
  private static final int NARROWEST = 80;

  /**
   * Control characters, C1 among them, and the explicit bidirectional ones (Unicode Standard Annex
   * 9), which show another text than there is. Emoji and Persian keep their joiners, which are
   * neither.
   */
  private static final Pattern COMMANDS =
      Pattern.compile("[\\p{Cc}\\u202A-\\u202E\\u2066-\\u2069]+");

  static Terminal from(Map<String, String> environment) {
    String columns = environment.getOrDefault("COLUMNS", "");
    int width = columns.matches("[0-9]{1,4}") ? Integer.parseInt(columns) : DEFAULT_WIDTH;
    return new Terminal(
        Math.max(width, NARROWEST), Ansi.AUTO.enabled(), charset().newEncoder().canEncode('█'));
  }

  /** A stream that writes in the terminal's character set, which System.out does not everywhere. */
  static PrintStream out() {
    return new PrintStream(System.out, true, charset());
  }

  private static Charset charset() {
    return Charset.forName(
        System.getProperty("stdout.encoding", System.getProperty("native.encoding", "UTF-8")));
  }

  String bold(String text) {
    return paint("1", text);
  }

  String dim(String text) {
    return paint("2", text);
  }

  String red(String text) {
    return paint("1;31", text);
  }

  String yellow(String text) {
    return paint("33", text);
  }

  String green(String text) {
    return paint("32", text);
  }

  /** One of six colours, the same for the same number. */
  String tint(int number, String text) {
    return paint(Integer.toString(new int[] {36, 35, 34, 32, 33, 96}[number % 6]), text);
  }

  private String paint(String code, String text) {
    return colour ? "\u001b[" + code + "m" + text + "\u001b[0m" : text;
  }

  String glyph(String unicodeText, String asciiText) {
    return unicode ? unicodeText : asciiText;
  }

  /** Somebody else's text must not steer the terminal: a space is in the place of what could. */
  static String harmless(String text) {
    return COMMANDS.matcher(text).replaceAll(" ");
  }

  /** One line, cut to so many characters, the last one showing that something is missing. */
  String fit(String text, int length) {
    String line = harmless(text);
    return line.length() <= length
        ? line
        : line.substring(0, Math.max(0, length - 1)) + glyph("…", "~");
  }

  /** Cut or filled to exactly so many characters. */
  String column(String text, int length) {
    return String.format("%-" + Math.max(1, length) + "s", fit(text, length));
  }
}
