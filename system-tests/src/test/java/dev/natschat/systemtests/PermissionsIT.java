package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.eventually;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nats.client.AuthenticationException;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.Subscription;
import io.nats.client.impl.NatsMessage;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Who may say and hear what, tried on the running broker with real tokens. */
class PermissionsIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @Test
  void withoutATokenNobodyIsLetIn() {
    assertThatThrownBy(() -> Nats.connect(Chat.options("", "alice").build()))
        .isInstanceOf(AuthenticationException.class);
  }

  @Test
  void aTamperedTokenIsRefused() throws Exception {
    String token = Chat.token("alice");
    int middleOfThePayload = token.indexOf('.') + 20;
    char other = token.charAt(middleOfThePayload) == 'A' ? 'B' : 'A';
    String tampered =
        token.substring(0, middleOfThePayload) + other + token.substring(middleOfThePayload + 1);

    assertThatThrownBy(() -> Nats.connect(Chat.options(tampered, "alice").build()))
        .isInstanceOf(AuthenticationException.class);
  }

  @Test
  void noRoleCannotPublishAnything() throws Exception {
    try (Chat charlie = Chat.as("charlie")) {
      refused(charlie, "chat.lobby");
      refused(charlie, "chat.history.lobby");
      refused(charlie, "_UINBOX.charlie.x");
    }
  }

  @Test
  void chatDunderAdminIsRefused() throws Exception {
    try (Chat alice = Chat.as("alice");
        Chat bob = Chat.as("bob")) {
      refused(alice, "chat.__admin__");
      refused(bob, "chat.__admin__");
      refused(bob, "chat.history.__admin__");
      refused(bob, "admin.chat");
    }
  }

  @Test
  void noUserReachesTheJetStreamApi() throws Exception {
    try (Chat alice = Chat.as("alice")) {
      refused(alice, "$JS.API.STREAM.PURGE.CHAT_MESSAGES");
      refused(alice, "$JS.ACK.CHAT_MESSAGES.persist-worker.1.1.1.1.1");
    }
  }

  @Test
  void anotherUsersRepliesAreClosed() throws Exception {
    try (Chat bob = Chat.as("bob")) {
      for (String subject :
          new String[] {"_UINBOX.alice.>", "_INBOX.>", "_SINBOX.>", "chat.history.lobby", ">"}) {
        int known = bob.complaints.size();
        bob.nats.subscribe(subject);
        bob.nats.flush(PATIENCE);
        eventually().untilAsserted(() -> assertThat(bob.complaints).hasSizeGreaterThan(known));
        assertThat(bob.complaints.get(known)).containsIgnoringCase("permissions violation");
      }
    }
  }

  @Test
  void replyToAdminRoomIsRefused() throws Exception {
    String room = Chat.newRoom();
    String adminRoom = "admin." + room;
    try (Chat alice = Chat.as("alice");
        Chat bob = Chat.as("bob")) {
      Subscription admins = alice.nats.subscribe(adminRoom);
      alice.nats.flush(PATIENCE);

      bob.nats.publish(
          NatsMessage.builder()
              .subject("chat.history." + room)
              .replyTo(adminRoom)
              .data(new byte[0])
              .build());
      bob.nats.flush(PATIENCE);
      Telemetry.traceOf(
          "chat.history." + room,
          trace -> Telemetry.has(trace, "history-service", "process chat.history.*"));
      alice.nats.publish(adminRoom, alice.message(room, "marker"));

      Message first = admins.nextMessage(PATIENCE);
      assertThat(first).isNotNull();
      assertThat(new String(first.getData(), UTF_8)).contains("marker");
    }
  }

  private static void refused(Chat who, String subject) throws Exception {
    int known = who.complaints.size();
    who.nats.publish(subject, who.message("room", "let me"));
    who.nats.flush(PATIENCE);
    eventually().untilAsserted(() -> assertThat(who.complaints).hasSizeGreaterThan(known));
    assertThat(who.complaints.get(known))
        .containsIgnoringCase("permissions violation for publish")
        .contains(subject);
  }
}
