package dev.natschat.client;

import dev.natschat.client.ChatException.Kind;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "demo",
    description = {
      "Shows the whole system: alice, bob and charlie log in, talk in two rooms, read what was said,",
      "and are refused what they may not do. Then shows one message's trace and the rows stored.",
      "",
      "DATABASE_URL, DATABASE_USER and DATABASE_PASSWORD_FILE say where the rows are,",
      "GRAFANA_URL and ZIPKIN_URL where traces are looked at."
    },
    mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
  private static final Duration PATIENCE = Duration.ofSeconds(15);
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(100);

  private final Map<String, String> environment = System.getenv();
  private final long start = System.currentTimeMillis();
  private int steps;

  @SuppressWarnings("NullAway.Init") // picocli sets it before it calls
  @Spec
  CommandSpec spec;

  @Mixin final Servers servers = new Servers();

  @Override
  public Integer call() throws InterruptedException {
    step("alice and bob log in through Keycloak, and NATS lets them in");
    try (Chat alice = logIn("alice");
        Chat bob = logIn("bob")) {
      talk(alice, bob);
      useAdminRoom(alice, bob);
      beRefused();
      String traceId = sayGoodNight(alice);
      showRows();
      showTrace(traceId);
    }
    return 0;
  }

  private void talk(Chat alice, Chat bob) throws InterruptedException {
    step("They talk in two rooms");
    BlockingQueue<ChatMessage> heard = new LinkedBlockingQueue<>();
    bob.listen("general", heard::add);
    say(alice, "general", "Hello bob! Where does this message go?");
    if (heard.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS) == null) {
      throw new ChatException(Kind.FAILED, "bob hears nothing of what alice says in general");
    }
    line("bob hears it at once");
    say(bob, "general", "Through the broker and persist-worker into PostgreSQL.");
    say(alice, "random", "With a trace all the way?");
    say(bob, "random", "All the way, and with its logs and metrics.");

    step("They read what was said, from the database");
    printHistory(bob, "general", "Through the broker and persist-worker into PostgreSQL.");
    printHistory(alice, "random", "All the way, and with its logs and metrics.");
  }

  private void useAdminRoom(Chat alice, Chat bob) throws InterruptedException {
    step("alice is an admin, bob is not");
    say(alice, Chat.ADMIN_ROOM, "Only admins see this.");
    printHistory(alice, Chat.ADMIN_ROOM, "Only admins see this.");
    refused("bob's word in the admin room", () -> bob.say(Chat.ADMIN_ROOM, "Me too!"));
    refused("bob's look into the admin room", () -> bob.history(Chat.ADMIN_ROOM));
  }

  private void beRefused() {
    step("charlie has no role, mallory guesses a password");
    try (Chat charlie = logIn("charlie")) {
      refused("charlie's word in general", () -> charlie.say("general", "Anybody there?"));
    }
    refused("a wrong password", () -> Chat.logIn(servers, "alice", "guessed").close());
  }

  /** The last message, so that it is the one that `make trace` shows. */
  private String sayGoodNight(Chat alice) throws InterruptedException {
    step("alice says good night");
    String text = "Good night! Who wants to know where this one went?";
    Chat.Said said = say(alice, "general", text);
    printHistory(alice, "general", text);
    return said.traceId();
  }

  private void showRows() {
    step("The table of messages");
    if (!environment.containsKey("DATABASE_URL")) {
      line("DATABASE_URL is not set: the histories above are what is in it");
      return;
    }
    try {
      StoredRows.newest(environment).forEach(this::line);
    } catch (ChatException e) {
      line(String.valueOf(e.getMessage()));
    }
  }

  private void showTrace(String traceId) {
    step("The trace of that message: make trace shows it, with its logs");
    if (traceId.isEmpty()) {
      line("there is none: this program runs without the OpenTelemetry agent");
      return;
    }
    line("id        " + traceId);
    line("terminal  make trace ID=" + traceId);
    line(
        "browser   "
            + TraceAddress.of(traceId, environment)
                .orElse("none: neither Grafana nor Zipkin answers"));
  }

  /** Everybody of the demo's realm, keycloak/nats-chat-realm.json, has the name and 123. */
  private Chat logIn(String user) {
    Chat chat = Chat.logIn(servers, user, user + "123");
    line(chat.user() + " is in");
    return chat;
  }

  private Chat.Said say(Chat chat, String room, String text) {
    Chat.Said said = chat.say(room, text);
    line("%-10s %-8s %s".formatted(room, chat.user(), text));
    return said;
  }

  /** Waits until a message of this demo is there: the way into the database takes a moment. */
  private void printHistory(Chat chat, String room, String expected) throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      List<ChatMessage> messages = ofThisDemo(chat, room);
      if (messages.stream().anyMatch(message -> message.text().equals(expected))) {
        line("history of " + room);
        messages.forEach(message -> line("  " + Lines.of(message)));
        return;
      }
      if (System.nanoTime() > deadline) {
        throw new ChatException(
            Kind.UNAVAILABLE,
            "what was said in %s is not in the database after %d s: is persist-worker up? `make status` tells"
                .formatted(room, PATIENCE.toSeconds()));
      }
      Thread.sleep(BETWEEN_LOOKS.toMillis());
    }
  }

  private List<ChatMessage> ofThisDemo(Chat chat, String room) {
    try {
      return chat.history(room).stream().filter(message -> message.timestamp() >= start).toList();
    } catch (ChatException e) {
      if (e.kind() == Kind.UNAVAILABLE) {
        return List.of(); // the first answers of a system that has just started may come too late
      }
      throw e;
    }
  }

  private void refused(String what, Runnable attempt) {
    try {
      attempt.run();
    } catch (ChatException e) {
      if (e.kind() == Kind.REFUSED) {
        line(what + " is refused: " + e.getMessage());
        return;
      }
      throw e;
    }
    throw new ChatException(Kind.FAILED, what + " should have been refused, and was not");
  }

  private void step(String title) {
    steps++;
    out().printf("%n%d  %s%n", steps, title);
  }

  private void line(String text) {
    out().println("   " + text);
  }

  private PrintWriter out() {
    return spec.commandLine().getOut();
  }
}
