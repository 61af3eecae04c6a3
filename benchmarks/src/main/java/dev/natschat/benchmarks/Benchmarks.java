package dev.natschat.benchmarks;

import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/**
 * {@code java -jar benchmarks.jar NAME}, from the root of a built checkout; prints a Markdown
 * table.
 */
@Command(
    name = "benchmarks",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      Services.class,
      Soak.class,
      Poison.class,
      DeadTelemetry.class,
      ExtensionCost.class,
      BrokerHops.class
    })
public final class Benchmarks {
  private Benchmarks() {}

  public static void main(String[] args) {
    Locale.setDefault(Locale.ROOT); // JSON and configurations have the digits of no other
    System.exit(new CommandLine(new Benchmarks()).execute(args));
  }
}
