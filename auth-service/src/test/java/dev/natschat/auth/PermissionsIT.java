package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.nats.client.AuthenticationException;
import io.nats.client.Dispatcher;
import io.nats.client.JetStreamManagement;
import io.nats.client.Message;
import io.nats.client.Subscription;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/** The table of permissions, on a real broker with the repository's configuration. */
@TestInstance(Lifecycle.PER_CLASS)
@SuppressWarnings("try") // connections
class PermissionsIT {
  private static final Duration LONG = Duration.ofSeconds(20);

  private static final List<String> INTERNALS =
      List.of(
          "$JS.API.INFO",
          "$JS.API.STREAM.INFO.CHAT_MESSAGES",
          "$JS.API.STREAM.PURGE.CHAT_MESSAGES",
          "$JS.API.STREAM.DELETE.CHAT_MESSAGES",
          "$JS.API.STREAM.MSG.GET.CHAT_MESSAGES",
          "$JS.API.DIRECT.GET.CHAT_MESSAGES",
          "$JS.API.CONSUMER.CREATE.CHAT_MESSAGES",
          "$JS.API.CONSUMER.MSG.NEXT.CHAT_MESSAGES.persist-worker",
          "$JS.API.CONSUMER.DELETE.CHAT_MESSAGES.persist-worker",
          "$JS.ACK.CHAT_MESSAGES.persist-worker.1.1.1.1.0",
          "$SYS.REQ.USER.AUTH",
          "$SYS.REQ.SERVER.PING",
          "_INBOX.x",
          "_SINBOX.persist-worker.x",
          "_UINBOX.bob.x",
          "_UINBOX.alice.x",
          "chat",
          "chat.lobby.x",
          "chat.history.lobby.x",
          "admin",
          "admin.chat.x",
          "anything");

  private static final List<String> ROOMS_TO_PUBLISH = List.of("chat.lobby", "chat.history.lobby");
  private static final List<String> CLOSED_TO_ALL = List.of("chat.__admin__");
  private static final List<String> ADMIN_ROOM = List.of("admin.chat", "chat.history.__admin__");

  private static final List<String> FOREIGN_TO_HEAR =
      List.of(
          ">",
          "*",
          "*.*",
          "*.history.*",
          "chat.history.>",
          "chat.history.*",
          "chat.history.lobby",
          "_INBOX.>",
          "_SINBOX.>",
          "_SINBOX.persist-worker.>",
          "_UINBOX.>",
          "_UINBOX.*.>",
          "_UINBOX.*.x",
          "_UINBOX.bob.>",
          "_UINBOX.bob.x",
          "$JS.>",
          "$JS.API.>",
          "$JS.EVENT.>",
          "$SYS.>",
          "$SYS.REQ.USER.AUTH");

  private final NatsServer nats;
  private final Realm realm;
  private final RunningService service;
  private final List<ChatClient> clients = new ArrayList<>();

  PermissionsIT(@TempDir Path temp) throws Exception {
    nats = new NatsServer(temp);
    realm = new Realm();
    service = RunningService.ready(nats, realm, temp.resolve("health"));
    JetStreamManagement management = service("persist-worker").connection().jetStreamManagement();
    management.addStream(
        StreamConfiguration.builder()
            .name("CHAT_MESSAGES")
            .subjects("chat.*", "admin.*")
            .storageType(StorageType.File)
            .maxBytes(1 << 30)
            .build());
  }

  @AfterEach
  void closeClients() {
    clients.forEach(ChatClient::close);
    clients.clear();
  }

  @AfterAll
  void close() {
    service.close();
    realm.close();
    nats.close();
  }

  private ChatClient service(String name) throws Exception {
    return opened(ChatClient.service(nats, name));
  }

  private ChatClient user(String name, String... roles) throws Exception {
    ChatUser user = new ChatUser(name, false, false, java.time.Instant.MAX);
    return opened(
        ChatClient.withToken(nats.url(), realm.token(name, roles), Permissions.inboxToken(user)));
  }

  private ChatClient opened(ChatClient client) {
    clients.add(client);
    return client;
  }

  // --- the table ---

  @Test
  void adminsPublish() throws Exception {
    assertPublishes(
        user("root", "admin"),
        List.of(ROOMS_TO_PUBLISH, ADMIN_ROOM),
        List.of(CLOSED_TO_ALL, INTERNALS));
  }

  @Test
  void usersPublish() throws Exception {
    assertPublishes(
        user("carol", "user"),
        List.of(ROOMS_TO_PUBLISH),
        List.of(CLOSED_TO_ALL, ADMIN_ROOM, INTERNALS));
  }

  @Test
  void noRoleCannotPublishAnything() throws Exception {
    assertPublishes(
        user("charlie"),
        List.of(),
        List.of(
            ROOMS_TO_PUBLISH, CLOSED_TO_ALL, ADMIN_ROOM, INTERNALS, List.of("_UINBOX.charlie.x")));
  }

  @Test
  void adminsSubscribe() throws Exception {
    assertSubscribes(
        user("root", "admin"),
        List.of(
            "chat.>", "chat.lobby", "admin.>", "admin.chat", "_UINBOX.root.>", "_UINBOX.root.x"),
        FOREIGN_TO_HEAR);
  }

  @Test
  void usersSubscribe() throws Exception {
    assertSubscribes(
        user("carol", "user"),
        List.of("chat.>", "chat.lobby", "chat.*", "_UINBOX.carol.>", "_UINBOX.carol.x.y"),
        FOREIGN_TO_HEAR);
    assertThat(user("carol", "user").maySubscribe("admin.>")).isFalse();
    assertThat(user("carol", "user").maySubscribe("admin.chat")).isFalse();
  }

  @Test
  void noRoleHearsTheRoomsOnly() throws Exception {
    assertSubscribes(user("charlie"), List.of("chat.>", "_UINBOX.charlie.>"), FOREIGN_TO_HEAR);
    assertThat(user("charlie").maySubscribe("admin.>")).isFalse();
  }

  /** A queue group gives no more than a plain subscription does. */
  @Test
  void queueGroupsOpenNothing() throws Exception {
    for (ChatClient client :
        List.of(user("root", "admin"), user("carol", "user"), user("charlie"))) {
      for (String subject : FOREIGN_TO_HEAR) {
        for (String queue : List.of("history-service", "auth-service", "mine")) {
          assertThat(client.maySubscribe(subject, queue)).as(subject + " " + queue).isFalse();
        }
      }
      assertThat(client.maySubscribe("chat.lobby", "mine")).isTrue();
    }
    assertThat(user("carol", "user").maySubscribe("admin.*", "mine")).isFalse();
    assertThat(user("charlie").maySubscribe("admin.*", "mine")).isFalse();
  }

  /** Of each role: what a request is answered to, and that everything else is refused. */
  @Test
  void requestsOfEachRole() throws Exception {
    try (Answering ignored = new Answering(service("history-service"), "[]")) {
      assertAnswered(
          user("root", "admin"), List.of("chat.history.lobby", "chat.history.__admin__"));
      assertAnswered(user("carol", "user"), List.of("chat.history.lobby"));
      assertAnswered(user("charlie"), List.of());
    }
  }

  private void assertAnswered(ChatClient client, List<String> answered) throws Exception {
    List<String> all = new ArrayList<>(INTERNALS);
    all.addAll(ADMIN_ROOM);
    all.add("chat.history.lobby");
    all.removeIf(subject -> subject.startsWith("_") || subject.equals("admin.chat"));
    for (String subject : all) {
      if (answered.contains(subject)) {
        Message answer = client.connection().request(subject, null, LONG);
        assertThat(answer).as(subject).isNotNull();
        assertThat(text(answer)).isEqualTo("[]");
      } else {
        // With a reply subject, as requests have.
        assertThat(client.mayRequest(subject)).as(subject).isFalse();
      }
    }
  }

  @Test
  void persistWorkerDoesItsWorkAndNoMore() throws Exception {
    ChatClient worker = service("persist-worker");

    assertPublishes(
        worker,
        List.of(
            List.of(
                "$JS.API.STREAM.INFO.CHAT_MESSAGES",
                "$JS.API.STREAM.UPDATE.CHAT_MESSAGES",
                "$JS.API.CONSUMER.INFO.CHAT_MESSAGES.persist-worker",
                "$JS.API.CONSUMER.DURABLE.CREATE.CHAT_MESSAGES.persist-worker",
                "$JS.API.CONSUMER.DELETE.CHAT_MESSAGES.persist-worker",
                "$JS.ACK.CHAT_MESSAGES.persist-worker.1.1.1.1.0")),
        List.of(
            ROOMS_TO_PUBLISH,
            ADMIN_ROOM,
            CLOSED_TO_ALL,
            List.of(
                "$JS.API.STREAM.DELETE.CHAT_MESSAGES",
                "$JS.API.STREAM.CREATE.OTHER",
                "$JS.API.CONSUMER.DELETE.CHAT_MESSAGES.another",
                "_UINBOX.bob.x",
                "_INBOX.x")));
    assertSubscribes(
        worker,
        List.of("_SINBOX.persist-worker.>"),
        List.of("chat.>", "admin.>", "_UINBOX.>", "_INBOX.>", "_SINBOX.>", ">"));
  }

  @Test
  void historyServiceDoesItsWorkAndNoMore() throws Exception {
    ChatClient history = service("history-service");

    assertPublishes(
        history,
        List.of(List.of("_UINBOX.bob.x", "_INBOX.x")),
        List.of(
            ROOMS_TO_PUBLISH,
            ADMIN_ROOM,
            CLOSED_TO_ALL,
            List.of("$JS.API.STREAM.PURGE.CHAT_MESSAGES", "_SINBOX.persist-worker.x")));
    assertThat(history.maySubscribe("chat.history.*", "history-service")).isTrue();
    assertThat(history.maySubscribe("chat.history.*", "another")).isFalse();
    assertThat(history.maySubscribe("chat.>")).isFalse();
  }

  @Test
  void authHearsRequestsAndPublishesNothingElse() throws Exception {
    ChatClient auth = service("auth");

    assertPublishes(
        auth, List.of(), List.of(ROOMS_TO_PUBLISH, ADMIN_ROOM, List.of("$SYS.REQ.USER.AUTH")));
    assertThat(auth.maySubscribe("chat.>")).isFalse();
    assertThat(auth.maySubscribe("$SYS.REQ.USER.AUTH", "another")).isFalse();
  }

  @Test
  void brokerObserverReadsStatisticsAndDoesNoMore() throws Exception {
    ChatClient observer = service("broker-observer");

    for (String statistics :
        List.of(
            "SERVER.PING.STATSZ",
            "SERVER.PING.VARZ",
            "SERVER.PING.JSZ",
            "SERVER.PING.CONNZ",
            "ACCOUNT.PING.STATZ")) {
      Message answer = observer.connection().request("$SYS.REQ." + statistics, null, LONG);
      assertThat(answer).as(statistics).isNotNull();
    }
    assertPublishes(
        observer,
        List.of(),
        List.of(
            ROOMS_TO_PUBLISH,
            ADMIN_ROOM,
            CLOSED_TO_ALL,
            INTERNALS,
            List.of(
                "$SYS.REQ.SERVER.PING.KICK",
                "$SYS.REQ.SERVER.PING.RELOAD",
                "$SYS.REQ.SERVER.PING.SUBSZ",
                "$SYS.REQ.SERVER.PING.HEALTHZ",
                "$SYS.REQ.SERVER.ID.KICK",
                "$SYS.REQ.SERVER.ID.RELOAD",
                "$SYS.REQ.SERVER.ID.VARZ",
                "$SYS.REQ.ACCOUNT.CHAT.CONNZ",
                "$SYS.REQ.ACCOUNT.PING.CONNZ",
                "$SYS.REQ.CLAIMS.UPDATE",
                "_SINBOX.broker-observer.x")));
    assertSubscribes(
        observer,
        List.of("_SINBOX.broker-observer.>", "_SINBOX.broker-observer.x"),
        List.of(">", "$SYS.>", "$SYS.ACCOUNT.CHAT.CONNECT", "_SINBOX.>", "_INBOX.>", "chat.>"));
  }

  @Test
  void aServiceNeedsItsPassword() {
    assertThatThrownBy(
            () ->
                io.nats.client.Nats.connect(
                    io.nats.client.Options.builder()
                        .server(nats.url())
                        .userInfo("persist-worker", "wrong")
                        .noReconnect()
                        .build()))
        .isInstanceOf(AuthenticationException.class);
  }

  // --- the holes that were found while the table was tried ---

  @Test
  void defect13UserNamedLikeAServiceHearsNothing() throws Exception {
    ChatClient impostor = user("persist-worker", "user", "admin");
    assertSubscribes(impostor, List.of(), List.of("_SINBOX.persist-worker.>", "_SINBOX.>"));
    Subscription rooms = impostor.connection().subscribe("chat.>");
    Subscription inbox = impostor.connection().subscribe("_UINBOX.persist-worker.>");
    impostor.flush();

    JetStreamManagement management = service("persist-worker").connection().jetStreamManagement();
    assertThat(management.getStreamInfo("CHAT_MESSAGES")).isNotNull();

    publish(user("root", "admin"), "chat.fence-impostor", "fence");
    assertThat(text(rooms.nextMessage(LONG))).isEqualTo("fence");
    assertThat(inbox.getPendingMessageCount()).isZero();
    assertPublishes(impostor, List.of(), List.of(INTERNALS));
  }

  @Test
  void replyToAdminRoomIsRefused() throws Exception {
    ChatClient admin = user("root", "admin");
    Subscription adminRoom = admin.connection().subscribe("admin.>");
    admin.flush();
    ChatClient bob = user("bob", "user");
    try (Answering ignored = new Answering(service("history-service"), "[]")) {
      requestWithReplyTo(bob, "admin.chat");

      publish(admin, "admin.chat", "fence");
      assertThat(text(adminRoom.nextMessage(LONG))).isEqualTo("fence");
    }
  }

  @Test
  void replyToJsApiIsRefused() throws Exception {
    ChatClient alice = user("alice", "user");
    JetStreamManagement management = service("persist-worker").connection().jetStreamManagement();
    store(alice, "chat.kept");
    long before = management.getStreamInfo("CHAT_MESSAGES").getStreamState().getMsgCount();
    assertThat(before).isPositive();
    // An empty request is a valid one: purge everything.
    try (Answering ignored = new Answering(service("history-service"), "")) {
      requestWithReplyTo(alice, "$JS.API.STREAM.PURGE.CHAT_MESSAGES");
    }
    assertThat(management.getStreamInfo("CHAT_MESSAGES").getStreamState().getMsgCount())
        .isGreaterThanOrEqualTo(before);
  }

  /**
   * JetStream's acknowledgement goes where the reply subject says, past the sender's permissions,
   * and {"stream":...,"seq":...} would be a request to purge all before that sequence.
   */
  @Test
  void anAcknowledgementIsNoRequestToTheStream() throws Exception {
    ChatClient alice = user("alice", "user");
    JetStreamManagement management = service("persist-worker").connection().jetStreamManagement();
    store(alice, "chat.acked"); // and with it all that was published before
    long before = management.getStreamInfo("CHAT_MESSAGES").getStreamState().getMsgCount();
    List<String> requests =
        List.of("PURGE", "DELETE", "UPDATE", "MSG.DELETE", "SNAPSHOT", "LEADER.STEPDOWN");
    for (String request : requests) {
      alice
          .connection()
          .publish(
              NatsMessage.builder()
                  .subject("chat.acked")
                  .replyTo("$JS.API.STREAM." + request + ".CHAT_MESSAGES")
                  .data("hi")
                  .build());
    }
    alice.flush();
    await()
        .untilAsserted(
            () ->
                assertThat(management.getStreamInfo("CHAT_MESSAGES").getStreamState().getMsgCount())
                    .isEqualTo(before + requests.size()));
    alice.flush();
    assertThat(management.getStreamInfo("CHAT_MESSAGES").getStreamState().getMsgCount())
        .isEqualTo(before + requests.size());
  }

  /** The broker publishes it, past who may publish what, but looks at that first. */
  @Test
  void aTraceEventGoesWhereItsAuthorMayPublishAndNowhereElse() throws Exception {
    ChatClient eve = user("eve", "user");
    List<String> closed = new ArrayList<>(INTERNALS);
    closed.addAll(CLOSED_TO_ALL);
    closed.addAll(ADMIN_ROOM);
    for (String destination : closed) {
      assertThat(eve.refusedWith("chat.lobby", tracedTo(destination)))
          .as(destination)
          .singleElement()
          .asString()
          .contains("publish to \"" + destination.toLowerCase(Locale.ROOT) + "\"");
    }
    ChatClient bob = user("bob", "user");
    Subscription room = bob.connection().subscribe("chat.traces");
    bob.flush();
    assertThat(eve.refusedWith("chat.lobby", tracedTo("chat.traces"))).isEmpty();
    assertThat(text(room.nextMessage(LONG))).startsWith("{\"server\":");
  }

  private static Headers tracedTo(String destination) {
    return new Headers().put("Nats-Trace-Dest", destination);
  }

  @Test
  void pubAckCannotBeForged() throws Exception {
    ChatClient bob = user("bob", "user");
    Subscription room = bob.connection().subscribe("chat.acked");
    Subscription answers = bob.connection().subscribe("_UINBOX.bob.>");
    bob.flush();
    ChatClient eve = user("eve", "user");
    Subscription overheard = eve.connection().subscribe("chat.acked");
    eve.flush();

    bob.connection()
        .publish(
            NatsMessage.builder()
                .subject("chat.acked")
                .replyTo("_UINBOX.bob.ack")
                .data("hi")
                .build());

    Message seen = overheard.nextMessage(LONG);
    assertThat(seen.getReplyTo()).isEqualTo("_UINBOX.bob.ack");
    assertThat(eve.mayPublish(seen.getReplyTo())).isFalse();
    assertThat(text(room.nextMessage(LONG))).isEqualTo("hi");
    assertThat(text(answers.nextMessage(LONG))).contains("\"stream\":\"CHAT_MESSAGES\"");
    bob.flush();
    assertThat(answers.getPendingMessageCount()).isZero();
  }

  @Test
  void defect13TheAdminRoomIsClosedToUsers() throws Exception {
    for (ChatClient client : List.of(user("root", "admin"), user("bob", "user"), user("charlie"))) {
      assertThat(client.mayPublish("chat.__admin__")).isFalse();
    }
    assertThat(user("bob", "user").mayPublish("chat.history.__admin__")).isFalse();
    assertThat(user("root", "admin").mayPublish("chat.history.__admin__")).isTrue();
  }

  @Test
  void defect13AnotherUsersRepliesAreClosed() throws Exception {
    ChatClient alice = user("alice", "user", "admin");
    assertSubscribes(
        alice,
        List.of("_UINBOX.alice.>"),
        List.of("_UINBOX.bob.>", "_UINBOX.*.>", "_UINBOX.alice*.>"));
    Subscription mine = alice.connection().subscribe("_UINBOX.alice.>");
    alice.flush();
    ChatClient aliceSmith = user("alice.smith", "user");
    try (Answering ignored = new Answering(service("history-service"), "[]")) {
      Message answer = aliceSmith.connection().request("chat.history.lobby", null, LONG);
      assertThat(text(answer)).isEqualTo("[]");
    }
    alice.flush();
    assertThat(mine.getPendingMessageCount()).isZero();
  }

  @Test
  void defect13OnlyHistoryServiceHearsHistoryRequests() throws Exception {
    ChatClient eve = user("eve", "user", "admin");
    List<Subscription> ears =
        List.of(
            eve.connection().subscribe("chat.>"),
            eve.connection().subscribe("chat.*.*"),
            eve.connection().subscribe("chat.>", "history-service"),
            eve.connection().subscribe("chat.*.lobby", "history-service"));
    eve.flush();
    ChatClient bob = user("bob", "user");
    try (Answering ignored = new Answering(service("history-service"), "[]")) {
      for (int i = 0; i < 20; i++) {
        assertThat(text(bob.connection().request("chat.history.lobby", null, LONG)))
            .isEqualTo("[]");
      }
    }
    eve.flush();
    for (Subscription ear : ears) {
      assertThat(ear.getPendingMessageCount()).as(ear.getSubject()).isZero();
    }
    assertThat(eve.maySubscribe("chat.history.*", "history-service")).isFalse();
  }

  @Test
  void aHistoryRequestIsNotStored() throws Exception {
    ChatClient bob = user("bob", "user");
    JetStreamManagement management = service("persist-worker").connection().jetStreamManagement();
    try (Answering ignored = new Answering(service("history-service"), "[]")) {
      bob.connection().request("chat.history.lobby", null, LONG);
    }
    assertThat(management.getStreamInfo("CHAT_MESSAGES").getStreamState().getSubjectMap())
        .satisfiesAnyOf(
            map -> assertThat(map).isNull(),
            map -> assertThat(map).doesNotContainKey("chat.history.lobby"));
  }

  @Test
  void subscriptionsAreLimited() throws Exception {
    ChatClient hoarder = user("hoarder", "user");
    assertThat(hoarder.maySubscribe("chat.one-more")).isTrue();
    for (int i = 0; i < 256; i++) {
      hoarder.connection().subscribe("chat.room-" + i);
    }
    assertThat(hoarder.maySubscribe("chat.one-more")).isFalse();
  }

  /** Answers every request for history with the same text. */
  private static final class Answering implements AutoCloseable {
    private final ChatClient history;
    private final Dispatcher dispatcher;

    Answering(ChatClient history, String text) throws Exception {
      this.history = history;
      dispatcher =
          history
              .connection()
              .createDispatcher(
                  message ->
                      history.connection().publish(message.getReplyTo(), text.getBytes(UTF_8)))
              .subscribe("chat.history.*", "history-service");
      history.flush();
    }

    @Override
    public void close() {
      history.connection().closeDispatcher(dispatcher);
    }
  }

  /** Sends such a request, and another one with an honest reply, which is answered after it. */
  private static void requestWithReplyTo(ChatClient client, String replyTo) throws Exception {
    client
        .connection()
        .publish(NatsMessage.builder().subject("chat.history.lobby").replyTo(replyTo).build());
    assertThat(client.connection().request("chat.history.lobby", null, LONG)).isNotNull();
  }

  private static void publish(ChatClient client, String subject, String text) {
    client.connection().publish(subject, text.getBytes(UTF_8));
  }

  /** Returns when the stream has it, which a flush does not wait for. */
  private static void store(ChatClient client, String subject) throws Exception {
    assertThat(client.connection().jetStream().publish(subject, null)).isNotNull();
  }

  private static String text(Message message) {
    return new String(message.getData(), UTF_8);
  }

  private static void assertPublishes(
      ChatClient client, List<List<String>> allowed, List<List<String>> refused) {
    SoftAssertions softly = new SoftAssertions();
    allowed.forEach(
        list ->
            list.forEach(
                subject -> softly.assertThat(client.mayPublish(subject)).as(subject).isTrue()));
    refused.forEach(
        list ->
            list.forEach(
                subject -> softly.assertThat(client.mayPublish(subject)).as(subject).isFalse()));
    softly.assertAll();
  }

  private static void assertSubscribes(
      ChatClient client, List<String> allowed, List<String> refused) {
    SoftAssertions softly = new SoftAssertions();
    allowed.forEach(
        subject -> softly.assertThat(client.maySubscribe(subject)).as(subject).isTrue());
    refused.forEach(
        subject -> softly.assertThat(client.maySubscribe(subject)).as(subject).isFalse());
    softly.assertAll();
  }
}
