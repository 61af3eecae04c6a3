package dev.natschat.telemetry;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Reads the telemetry of the running system back, in the terminal. */
@Command(
    name = "telemetry-tool",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = "Traces, logs and the state of the running system, in the terminal.",
    footer = {
      "",
      "Addresses: TEMPO_URL, ZIPKIN_URL, LOKI_URL, PROMETHEUS_URL, COLLECTOR_HEALTH_URL,",
      "NATS_URL, NATS_MONITOR_URL, KEYCLOAK_URL, GRAFANA_URL, else TEMPO_PORT and so on, else the default ports.",
      "GRAFANA_EXPECTED=true: status takes a Grafana that does not answer for one that is down.",
      "Exit code: 0 fine, 1 nothing found or something is down, 2 wrong usage."
    })
public final class TelemetryTool {
  private TelemetryTool() {}

  /** Runs one command and exits with its code. */
  public static void main(String[] args) {
    Session session;
    try {
      session = Session.from(System.getenv());
    } catch (IllegalArgumentException e) {
      System.err.println(e.getMessage());
      System.exit(2);
      return;
    }
    System.exit(commandLine(session).execute(args));
  }

  static CommandLine commandLine(Session session) {
    CommandLine commandLine = new CommandLine(new TelemetryTool());
    String version = TelemetryTool.class.getPackage().getImplementationVersion();
    commandLine.getCommandSpec().version(version == null ? "not from its jar" : version);
    return commandLine
        .setUsageHelpWidth(100)
        .addSubcommand(new TraceCommand(session))
        .addSubcommand(new LogsCommand(session))
        .addSubcommand(new StatusCommand(session))
        .setExecutionExceptionHandler(
            (exception, command, parsed) -> {
              if (exception instanceof BackendException
                  || exception instanceof IllegalArgumentException) {
                session.err().println(exception.getMessage());
                return 1;
              }
              throw exception;
            });
  }
}
