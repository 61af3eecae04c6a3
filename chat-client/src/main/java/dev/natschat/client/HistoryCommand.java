package dev.natschat.client;

import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "history",
    description = "Prints a room's last 50 messages, oldest first.",
    mixinStandardHelpOptions = true)
final class HistoryCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // picocli sets it before it calls
  @Spec
  CommandSpec spec;

  @Mixin final Servers servers = new Servers();
  @Mixin final Credentials credentials = new Credentials();

  @Parameters(index = "0", paramLabel = "ROOM", description = "Such as general.")
  String room = "";

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    try (Chat chat = credentials.logIn(servers)) {
      List<ChatMessage> messages = chat.history(room);
      messages.forEach(message -> out.println(Lines.of(message)));
      if (messages.isEmpty()) {
        out.printf("Nobody has said anything in %s yet.%n", room);
      }
    }
    return 0;
  }
}
