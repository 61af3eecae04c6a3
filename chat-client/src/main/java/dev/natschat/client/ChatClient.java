package dev.natschat.client;

import dev.natschat.client.ChatException.Kind;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IExecutionExceptionHandler;

/** The program: its commands, and how they end. */
@Command(
    name = "chat-client",
    description = "Talks in the NATS chat as a user of Keycloak.",
    mixinStandardHelpOptions = true,
    version = "chat-client 1.0.0",
    subcommands = {DemoCommand.class, SendCommand.class, HistoryCommand.class, LoadCommand.class},
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:done in part, or failed for a reason that is none of these",
      "64:the command line is wrong",
      "69:something that is needed does not answer",
      "77:refused: wrong password, or not allowed"
    })
public final class ChatClient {
  private ChatClient() {}

  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  static CommandLine commandLine() {
    CommandLine commands = new CommandLine(new ChatClient());
    IExecutionExceptionHandler explain = (failure, command, parsed) -> explain(failure, command);
    commands.setExecutionExceptionHandler(explain);
    commands.setExpandAtFiles(false); // people say @bob
    commands
        .getSubcommands()
        .values()
        .forEach(command -> command.getCommandSpec().exitCodeOnInvalidInput(Kind.USAGE.exitCode()));
    commands.getCommandSpec().exitCodeOnInvalidInput(Kind.USAGE.exitCode());
    return commands;
  }

  private static int explain(Exception failure, CommandLine command) {
    ChatException explained =
        failure instanceof ChatException known
            ? known
            : new ChatException(Kind.FAILED, failure.toString(), failure);
    command
        .getErr()
        .println(command.getColorScheme().errorText("chat-client: " + explained.getMessage()));
    return explained.kind().exitCode();
  }
}
