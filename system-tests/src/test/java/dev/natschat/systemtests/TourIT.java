package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.eventually;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.function.Predicate.not;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * docs/tour.md, followed word for word: its commands print what it shows. Figures differ, and what
 * "..." stands for is not compared; the trace of the message is the one that was printed.
 */
class TourIT {
  private static final Path CHECKOUT = Path.of(System.getProperty("checkout", ".."));
  private static final Pattern TRACE_ID = Pattern.compile("\\b[0-9a-f]{32}\\b");

  /** By default the broker's hops are in every trace, so they are on the page. */
  private static final boolean HOPS =
      "on".equals(System.getenv("BROKER_HOPS"))
          && "100".equals(System.getenv("BROKER_HOPS_SAMPLING"));

  /** A command, and the lines that it is said to print. */
  private record Step(String command, List<String> prints) {}

  @Test
  void everyCommandOfTheTourPrintsWhatThePageShows() throws Exception {
    List<Step> steps = steps();
    assertThat(steps).hasSizeGreaterThan(8);
    String traceId = "";
    for (Step step : steps) {
      String command = TRACE_ID.matcher(step.command()).replaceAll(traceId);
      if (command.equals("make up")) {
        continue; // it is up, or no test would run
      }
      if (command.matches("make (demo|send) .*|make demo")) { // once; all others may be asked again
        String printed = run(command);
        assertThat(missing(step, printed)).as(command + " printed " + printed).isEmpty();
        Matcher id = TRACE_ID.matcher(printed);
        traceId = id.find() ? id.group() : traceId;
      } else {
        eventually()
            .untilAsserted(() -> assertThat(missing(step, run(command))).as(command).isEmpty());
      }
    }
  }

  /** What of a step's lines is not in what was printed. */
  private static List<String> missing(Step step, String printed) {
    String found = withoutFigures(printed);
    return step.prints().stream()
        .flatMap(Pattern.compile(Pattern.quote("..."))::splitAsStream)
        .map(TourIT::withoutFigures)
        .filter(not(found::contains))
        .toList();
  }

  /** Numbers, ids, units, bars and spaces differ from run to run; Zipkin lower-cases names. */
  private static String withoutFigures(String text) {
    return TRACE_ID
        .matcher(text)
        .replaceAll("#")
        .replaceAll("[█\\s]+", " ")
        .replaceAll("\\d[\\d.,:]*( (ms|us|µs|s)\\b)?", "#")
        .replaceAll(" ?# ?", "#")
        .strip()
        .toLowerCase(Locale.ROOT);
  }

  /**
   * Indented lines are commands, the fenced block that follows is what the last one prints. Where
   * the hops are not in every trace, a span of the broker and the indented lines about it are not.
   */
  private static List<Step> steps() throws IOException {
    List<Step> steps = new ArrayList<>();
    boolean fenced = false;
    boolean hop = false;
    for (String line : Files.readAllLines(CHECKOUT.resolve("docs/tour.md"))) {
      if (line.startsWith("```")) {
        fenced = !fenced;
      } else if (fenced) {
        hop = line.startsWith(" nats-server ") || (hop && line.startsWith("    "));
        if (HOPS || !hop) {
          steps.get(steps.size() - 1).prints().add(line);
        }
      } else if (line.startsWith("    ")) {
        steps.add(new Step(line.strip(), new ArrayList<>()));
      }
    }
    return steps;
  }

  /** In the checkout, as a user types it; the ports are those of this system. */
  private static String run(String command) throws IOException, InterruptedException {
    String here =
        command
            .replace("http://127.0.0.1:9090", Chat.ADDRESSES.prometheus().toString())
            .replaceFirst("^make ", "make -o build "); // what runs is not built anew under the test
    ProcessBuilder shell = new ProcessBuilder("bash", "-c", here);
    shell.directory(CHECKOUT.toFile()).redirectErrorStream(true);
    shell.environment().keySet().removeAll(List.of("MAKEFLAGS", "MAKELEVEL", "MFLAGS"));
    Process process = shell.start();
    process.getOutputStream().close();
    String printed = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(command + " printed " + printed).isZero();
    return printed;
  }
}
