package dev.natschat.client;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.natschat.client.ChatException.Kind;
import io.nats.client.Connection;
import io.nats.client.impl.Headers;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** The client against a real broker; what it takes to log in is played by the test. */
@Timeout(120)
@SuppressWarnings("try") // closing a jnats connection may be interrupted, and is here not
class ChatClientIT {
  private NatsServer broker;
  private TokenEndpoint keycloak;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @BeforeEach
  void start() throws Exception {
    broker = NatsServer.start();
    keycloak = new TokenEndpoint();
  }

  @AfterEach
  void stop() throws Exception {
    keycloak.close();
    broker.close();
  }

  @Test
  void whatIsSaidIsInTheStreamAndHeard() throws Exception {
    broker.stream(-1);
    try (Chat alice = logIn()) {
      BlockingQueue<ChatMessage> heard = new LinkedBlockingQueue<>();
      alice.listen("general", heard::add);
      assertThat(alice.say("general", "hello").streamSequence()).isEqualTo(1);
      ChatMessage message = heard.poll(10, TimeUnit.SECONDS);
      assertThat(message)
          .isEqualTo(new ChatMessage("alice", "hello", message.timestamp(), "general"));
    }
  }

  @Test
  void aRoomMayHaveANameInAnyScript() throws Exception {
    broker.stream(-1);
    try (Chat alice = logIn();
        Connection admin = broker.admin()) {
      alice.say("Küche-厨房", "hello");
      assertThat(admin.jetStreamManagement().getMessage("CHAT_MESSAGES", 1).getSubject())
          .isEqualTo("chat.Küche-厨房");
    }
  }

  @Test
  void aRefusalIsToldAtOnce() throws Exception {
    broker.stream(-1);
    try (Chat alice = logIn()) {
      assertThatThrownBy(() -> alice.say(Chat.ADMIN_ROOM, "let me in"))
          .isInstanceOfSatisfying(
              ChatException.class, e -> assertThat(e.kind()).isEqualTo(Kind.REFUSED))
          .hasMessageContaining("admin.chat");
      assertThat(alice.say("general", "still here").streamSequence()).isEqualTo(1);
    }
  }

  @Test
  void aFullStreamIsARefusal() throws Exception {
    broker.stream(1);
    try (Chat alice = logIn()) {
      alice.say("general", "fits");
      assertThatThrownBy(() -> alice.say("general", "does not fit"))
          .isInstanceOfSatisfying(
              ChatException.class, e -> assertThat(e.kind()).isEqualTo(Kind.REFUSED))
          .hasMessageContaining("maximum messages exceeded");
    }
  }

  @Test
  void withoutAStreamNobodyAnswers() {
    try (Chat alice = logIn()) {
      assertThatThrownBy(() -> alice.say("general", "hello"))
          .isInstanceOfSatisfying(
              ChatException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE))
          .hasMessageContaining("nobody answers");
    }
  }

  @Test
  void historyIsWhatTheServiceAnswers() throws Exception {
    try (Connection service = broker.admin();
        Chat alice = logIn()) {
      String json =
          "[{\"user\":\"bob\",\"text\":\"hi\",\"timestamp\":7,\"room\":\"r\",\"more\":1}]";
      answer(service, null, json);
      assertThat(alice.history("r")).containsExactly(new ChatMessage("bob", "hi", 7, "r"));
    }
  }

  @Test
  void anErrorOfTheServiceIsNoEmptyHistory() throws Exception {
    try (Connection service = broker.admin();
        Chat alice = logIn()) {
      Headers headers =
          new Headers()
              .put("Nats-Service-Error", "the message database is unavailable")
              .put("Nats-Service-Error-Code", "503");
      answer(service, headers, "[]");
      assertThatThrownBy(() -> alice.history("r"))
          .isInstanceOfSatisfying(
              ChatException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE))
          .hasMessageContainingAll("503", "the message database is unavailable");
    }
  }

  @Test
  void aNewConnectionComesWithAFreshToken() throws Exception {
    keycloak.expiresIn = 1;
    try (Chat alice = logIn()) {
      int before = keycloak.requests.size();
      broker.restart();
      broker.stream(-1);
      await()
          .atMost(30, TimeUnit.SECONDS)
          .ignoreExceptions()
          .until(() -> alice.say("general", "back").streamSequence() > 0);
      assertThat(keycloak.requests).hasSizeGreaterThan(before);
    }
  }

  /** jnats closes a connection for good when it is refused twice in a row. */
  @Test
  void whoWasRefusedForAWhileTalksAndHearsAgain() throws Exception {
    try (Chat alice = logIn()) {
      BlockingQueue<ChatMessage> heard = new LinkedBlockingQueue<>();
      alice.listen("general", heard::add);
      broker.restartRefusing();
      await()
          .atMost(30, TimeUnit.SECONDS)
          .untilAsserted(
              () ->
                  assertThatThrownBy(() -> alice.say("general", "hello"))
                      .isInstanceOfSatisfying(
                          ChatException.class,
                          e -> assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE))
                      .hasMessageContaining("NATS takes nothing now: Connection is Closed"));
      broker.restart();
      broker.stream(-1);
      await()
          .atMost(30, TimeUnit.SECONDS)
          .ignoreExceptions()
          .until(() -> alice.say("general", "back").streamSequence() > 0);
      assertThat(heard.poll(10, TimeUnit.SECONDS)).isNotNull();
    }
  }

  @Test
  void anAbsentBrokerIsSaidWithWhatToDo() throws Exception {
    broker.close();
    assertThatThrownBy(this::logIn)
        .isInstanceOfSatisfying(
            ChatException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE))
        .hasMessageContaining("make up");
    broker = NatsServer.start();
  }

  @ParameterizedTest
  @ValueSource(strings = {"nats://a b:4222", "nats://a:99999", "http://a", "nats://", "nats://a,"})
  void anAddressThatIsNoneIsNotSaidToBeSilent(String url) {
    assertThat(
            ChatClient.commandLine()
                .setErr(new PrintWriter(err, true))
                .execute(
                    "send", "general", "hello", "--nats-url", url, "--user=alice", "--password=x"))
        .isEqualTo(64);
    assertThat(err.toString())
        .contains("--nats-url is malformed: expected nats://host:port, found " + url);
  }

  @Test
  void aBrokerThatLetsNobodyInForWantOfAuthServiceIsNotSaidToBeAway() throws Exception {
    broker.restartWithCallout();
    assertThatThrownBy(this::logIn)
        .isInstanceOfSatisfying(
            ChatException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE))
        .hasMessageContainingAll("auth-service", "make status");
  }

  @Test
  void sendTellsTheMessagesPlace() throws Exception {
    broker.stream(-1);
    assertThat(execute("send", "general", "hello")).isZero();
    assertThat(out.toString()).isEqualTo("alice said it in general: message 1 of the stream\n");
  }

  /** To picocli it is a file of arguments. */
  @Test
  void whatBeginsWithAnAtSignIsSaidAsItIs() throws Exception {
    broker.stream(-1);
    assertThat(execute("send", "general", "@pom.xml")).isZero();
    try (Connection admin = broker.admin()) {
      byte[] body = admin.jetStreamManagement().getMessage("CHAT_MESSAGES", 1).getData();
      assertThat(new String(body, UTF_8)).contains("\"text\":\"@pom.xml\"");
    }
  }

  @Test
  void aRoomIsOneToken() throws Exception {
    broker.stream(-1);
    assertThat(execute("send", "a.b", "hello")).isEqualTo(64);
    assertThat(execute("history", ">")).isEqualTo(64);
  }

  @Test
  void loadCountsWhatTheStreamAccepts() throws Exception {
    broker.stream(-1);
    assertThat(execute("load", "--rate", "5000", "--count", "500", "--rooms", "3")).isZero();
    assertThat(out.toString()).contains("accepted  500 of 500").doesNotContain("failed");
    assertThat(messages()).isEqualTo(500);
  }

  @Test
  void loadTellsWhatTheStreamRefuses() throws Exception {
    broker.stream(50);
    assertThat(execute("load", "--rate", "5000", "--count", "200")).isEqualTo(1);
    assertThat(out.toString())
        .contains("accepted  50 of 200")
        .contains("failed    150: the message was not stored: maximum messages exceeded");
  }

  @Test
  void loadGoesOnAfterItWasRefusedForAWhileAndTellsWhatFailed() throws Exception {
    broker.stream(-1);
    try (Chat alice = logIn()) {
      Future<Integer> load =
          ForkJoinPool.commonPool()
              .submit(() -> execute("load", "--rate", "100", "--count", "3000"));
      await().until(() -> messages() > 50);
      broker.restartRefusing();
      await()
          .atMost(30, TimeUnit.SECONDS)
          .untilAsserted(
              () ->
                  assertThatThrownBy(() -> alice.say("general", "hello"))
                      .hasMessageContaining("Connection is Closed"));
      broker.restart();
      broker.stream(-1);
      await().atMost(30, TimeUnit.SECONDS).until(() -> messages() > 50);
      assertThat(load.get(60, TimeUnit.SECONDS)).isEqualTo(1);
      assertThat(out.toString())
          .containsPattern("accepted  [\\d,]+ of 3,000 in")
          .containsPattern("failed    [\\d,]+: NATS takes nothing now: Connection is Closed")
          .doesNotContain("Future cancelled");
    }
  }

  @Test
  void loadStopsAfterItsDurationThoughTheRateIsOutOfReach() throws Exception {
    broker.stream(-1);
    assertThat(execute("load", "--rate", "1000000", "--duration", "1", "--in-flight", "1"))
        .isZero();
    assertThat(out.toString())
        .containsPattern("accepted  ([\\d,]+) of \\1 in")
        .containsPattern("not sent  [\\d,]+: it was slower than --rate");
  }

  /** As Ctrl-C stops it; that signal itself does not reach what a shell runs in the background. */
  @Test
  void aLoadThatIsStoppedTellsWhatWasAcceptedSoFar() throws Exception {
    broker.stream(-1);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(ChatClient.class.getName());
    command.addAll(arguments("load", "--rate", "100", "--count", "100000"));
    Process load =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    await().atMost(30, TimeUnit.SECONDS).until(() -> messages() > 50);
    load.toHandle().destroy();
    String printed = new String(load.getInputStream().readAllBytes(), UTF_8);

    assertThat(load.waitFor()).isEqualTo(128 + 15); // as a shell has it for SIGTERM
    assertThat(printed)
        .contains("accepted  %1$d of %1$d in".formatted(messages()))
        .contains("not sent  %,d: it was stopped".formatted(100_000 - messages()));
  }

  /** All but the first are late when one after the other is sent at a rate that is out of reach. */
  @Test
  void latencyCountsFromWhenAMessageWasDue() throws Exception {
    broker.stream(-1);
    execute("load", "--rate", "1000000", "--count", "3000", "--in-flight", "1");
    Matcher printed =
        Pattern.compile(" in ([\\d.]+) s: .*p50 ([\\d.]+) ms", Pattern.DOTALL)
            .matcher(out.toString());
    assertThat(printed.find()).isTrue();
    double allMillis = 1000 * Double.parseDouble(printed.group(1));
    assertThat(Double.parseDouble(printed.group(2))).isGreaterThan(allMillis / 20);
  }

  @Test
  void anotherUsersTextCannotCommandTheTerminal() throws Exception {
    try (Connection service = broker.admin()) {
      answer(
          service,
          null,
          "[{\"user\":\"m\",\"text\":\"\\u001b[2Jgone\",\"timestamp\":7,\"room\":\"r\"}]");
      assertThat(execute("history", "r")).isZero();
      assertThat(out.toString()).contains("?[2Jgone").doesNotContain("\u001b");
    }
  }

  @Test
  void neitherCanTheControlsOfUnicode() {
    String csi = "\u009b2J";
    String rightToLeft = "\u202e\u2066\u2069";
    String whole =
        "\ud83d\udc69\u200d\ud83d\ude80 \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645";
    assertThat(Lines.of(new ChatMessage(csi, csi + rightToLeft + whole, 7, "r")))
        .contains("?2J")
        .endsWith("?2J???" + whole)
        .doesNotContainPattern("[\u0080-\u009f\u202a-\u202e\u2066-\u2069]");
  }

  @Test
  void aWrongCommandLineIsToldApart() {
    assertThat(execute("send", "general")).isEqualTo(64);
    assertThat(execute("load", "--rate", "0")).isEqualTo(64);
    assertThat(err.toString()).contains("--rate is 0: expected 1 to 1000000");
  }

  private long messages() throws Exception {
    try (Connection admin = broker.admin()) {
      return admin
          .jetStreamManagement()
          .getStreamInfo("CHAT_MESSAGES")
          .getStreamState()
          .getMsgCount();
    }
  }

  private Chat logIn() {
    return Chat.logIn(keycloak.servers(broker.url()), "Alice", TokenEndpoint.PASSWORD);
  }

  private static void answer(
      Connection service, @org.jspecify.annotations.Nullable Headers headers, String json)
      throws Exception {
    service
        .createDispatcher()
        .subscribe(
            "chat.history.*",
            request -> service.publish(request.getReplyTo(), headers, json.getBytes(UTF_8)));
    service.flush(java.time.Duration.ofSeconds(5));
  }

  private int execute(String... arguments) {
    CommandLine commands = ChatClient.commandLine();
    commands.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
    return commands.execute(arguments(arguments).toArray(String[]::new));
  }

  private List<String> arguments(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(
        List.of(
            "--nats-url",
            broker.url(),
            "--keycloak-url",
            keycloak.url(),
            "--realm",
            "test",
            "--user",
            "Alice",
            "--password=" + TokenEndpoint.PASSWORD));
    return all;
  }
}
