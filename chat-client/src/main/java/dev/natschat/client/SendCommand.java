package dev.natschat.client;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "send",
    description = "Says something in a room, and waits until it is stored.",
    mixinStandardHelpOptions = true)
final class SendCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // picocli sets it before it calls
  @Spec
  CommandSpec spec;

  @Mixin final Servers servers = new Servers();
  @Mixin final Credentials credentials = new Credentials();

  @Parameters(index = "0", paramLabel = "ROOM", description = "Such as general.")
  String room = "";

  @Parameters(index = "1", paramLabel = "TEXT", description = "What to say.")
  String text = "";

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    try (Chat chat = credentials.logIn(servers)) {
      Chat.Said said = chat.say(room, text);
      out.printf(
          "%s said it in %s: message %d of the stream%n", chat.user(), room, said.streamSequence());
      if (!said.traceId().isEmpty()) {
        out.printf("trace %s%n", said.traceId());
      }
    }
    return 0;
  }
}
