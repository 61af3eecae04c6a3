package dev.natschat.chaos;

import dev.natschat.chaos.StreamFill.Drain;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What happened, in Markdown. */
record Report(
    String command,
    int seconds,
    Map<String, Integer> faults,
    List<String> surprises,
    Publisher.Count published,
    Audit.Result audit,
    List<Drain> drains,
    double drainedAfter,
    String telemetry) {

  boolean isGood() {
    return audit.isGood()
        && surprises.isEmpty()
        && published.acknowledged() > 0
        && drains.stream().allMatch(drain -> drain.afterDrain() <= StreamFill.MOST_SECONDS);
  }

  String text() throws IOException {
    List<String> lines = new ArrayList<>();
    lines.add("`" + command + "`");
    lines.add("");
    lines.add(
        format(
            "%d s of faults on %d processors, %d MiB, JDK %s; ack wait %d s, stream of %d MiB.",
            seconds,
            Runtime.getRuntime().availableProcessors(),
            memoryMebibytes(),
            Runtime.version(),
            Rig.ACK_WAIT_SECONDS,
            Rig.STREAM_MEBIBYTES));
    lines.add("");
    lines.add("| | messages | must be |");
    lines.add("|---|---|---|");
    lines.add(row("published", published.sent(), ""));
    lines.add(row("acknowledged", published.acknowledged(), ""));
    lines.add(row("refused: the stream was full", published.refused(), ""));
    lines.add(row("without an answer", published.unknown(), ""));
    lines.add(row("rows", audit.rows(), ""));
    lines.add(row("rows of publishes without an answer", audit.unknown(), "any"));
    lines.add(row("rows of refused publishes", audit.refused(), "any"));
    lines.add(row("**acknowledged, without a row**", audit.missing(), "0"));
    lines.add(row("**with more than one row**", audit.twice(), "0"));
    lines.add(row("**out of their publisher's order**", audit.disorder(), "0"));
    lines.add(row("**rooms whose history was answered otherwise**", audit.history(), "0"));
    lines.add(row("**dead letters**", audit.deadLetters(), "0"));
    lines.add(row("**programs that ended by themselves**", surprises.size(), "0"));
    lines.add("");
    lines.add(format("All of it was in the table %.1f s after the last fault.", drainedAfter));
    for (Drain drain : drains) {
      lines.add(
          format(
              "A full stream took messages again %.1f s after the workers went on,"
                  + " %.1f s after the last of it was persisted (at most %.0f).",
              drain.afterResume(), drain.afterDrain(), StreamFill.MOST_SECONDS));
    }
    lines.add(telemetry);
    lines.add("");
    lines.add("| fault | times |");
    lines.add("|---|---|");
    faults.forEach((fault, times) -> lines.add("| " + fault + " | " + times + " |"));
    lines.add("");
    lines.add(isGood() ? "Nothing lost, nothing twice." : "FAILED.");
    return String.join("\n", lines) + "\n";
  }

  private static String row(String what, long count, String expected) {
    return format("| %s | %,d | %s |", what, count, expected);
  }

  private static String format(String text, Object... values) {
    return String.format(Locale.ROOT, text, values);
  }

  private static long memoryMebibytes() throws IOException {
    String total = Files.readAllLines(Path.of("/proc/meminfo")).get(0);
    return Long.parseLong(total.replaceAll("\\D", "")) / 1024;
  }
}
