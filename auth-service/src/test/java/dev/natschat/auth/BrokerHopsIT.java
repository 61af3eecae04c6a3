package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.JetStreamManagement;
import io.nats.client.Message;
import io.nats.client.Subscription;
import io.nats.client.api.AckPolicy;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.PublishAck;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * With every message traced by the broker, none is lost, whoever sends it: a server drops a traced
 * message of a client that may not publish to the trace's destination.
 */
@SuppressWarnings("try") // connections
class BrokerHopsIT {
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final int MANY = 50;

  private final NatsServer nats;
  private final Realm realm;
  private final RunningService service;
  private final List<ChatClient> clients = new ArrayList<>();

  BrokerHopsIT(@TempDir Path temp) throws Exception {
    nats = NatsServer.withHops(temp);
    realm = new Realm();
    service =
        new RunningService(nats, realm, temp.resolve("health"), Map.of("BROKER_HOPS", "on"))
            .awaitReady();
  }

  @AfterEach
  void close() {
    clients.forEach(ChatClient::close);
    service.close();
    realm.close();
    nats.close();
  }

  private ChatClient service(String name) throws Exception {
    return opened(ChatClient.service(nats, name));
  }

  private ChatClient user(String name, String... roles) throws Exception {
    ChatUser user = new ChatUser(name, false, false, Instant.MAX);
    return opened(
        ChatClient.withToken(nats.url(), realm.token(name, roles), Permissions.inboxToken(user)));
  }

  private ChatClient opened(ChatClient client) {
    clients.add(client);
    return client;
  }

  private static Headers traced() {
    return new Headers()
        .put("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  }

  @Test
  void noTracedMessageOfAnyRoleIsLost() throws Exception {
    ChatClient worker = service("persist-worker");
    JetStreamManagement management = worker.connection().jetStreamManagement();
    management.addStream(
        StreamConfiguration.builder()
            .name("CHAT_MESSAGES")
            .subjects("chat.*", "admin.*")
            .storageType(StorageType.File)
            .maxBytes(1 << 20)
            .build());
    ChatClient reader = user("reader", "user", "admin");
    Subscription rooms = reader.connection().subscribe("chat.*");
    Subscription adminRooms = reader.connection().subscribe("admin.*");
    reader.flush();
    ChatClient root = user("root", "admin");
    ChatClient bob = user("bob", "user");
    for (int i = 0; i < MANY; i++) {
      root.connection().publish("admin.chat", traced(), null);
      root.connection().publish("chat.lobby", traced(), null);
      bob.connection().publish("chat.lobby", traced(), null);
      PublishAck ack = bob.connection().jetStream().publish("chat.lobby", traced(), null);
      assertThat(ack.getStream()).isEqualTo("CHAT_MESSAGES");
    }
    root.flush();
    await().atMost(LONG).until(() -> rooms.getPendingMessageCount() == 3 * MANY);
    assertThat(adminRooms.getPendingMessageCount()).isEqualTo(MANY);
    await()
        .atMost(LONG)
        .until(
            () ->
                management.getStreamInfo("CHAT_MESSAGES").getStreamState().getMsgCount()
                    == 4 * MANY);

    // history-service's replies are part of the requests' traces.
    ChatClient history = service("history-service");
    history
        .connection()
        .createDispatcher(
            request ->
                history.connection().publish(request.getReplyTo(), traced(), "[]".getBytes(UTF_8)))
        .subscribe("chat.history.*", "history-service");
    history.flush();
    for (int i = 0; i < MANY; i++) {
      Message answer = bob.connection().request("chat.history.lobby", traced(), null, LONG);
      assertThat(answer).isNotNull();
      assertThat(answer.isStatusMessage()).isFalse();
    }

    // persist-worker's messages, with what jnats sends for it, carry no trace.
    management.addOrUpdateConsumer(
        "CHAT_MESSAGES",
        ConsumerConfiguration.builder()
            .durable("persist-worker")
            .ackPolicy(AckPolicy.Explicit)
            .build());
    assertThat(worker.mayPublish("$JS.ACK.CHAT_MESSAGES.persist-worker.1.1.1.1.0")).isTrue();
  }

  /** The broker names what the user asked for, not what the broker wanted to trace to. */
  @Test
  void aRefusalNamesTheSubjectThatWasRefused() throws Exception {
    ChatClient charlie = user("charlie");
    assertThat(charlie.refusedWith("chat.lobby", traced()))
        .singleElement()
        .asString()
        .contains("publish to \"chat.lobby\"");
  }

  @Test
  void nobodyMaySubscribeToTheEvents() throws Exception {
    for (ChatClient client : List.of(user("root", "admin"), user("bob", "user"), user("charlie"))) {
      for (String subject :
          List.of("broker.>", "broker.hops.*", "broker.hops.event", "hops.event", "hops.>")) {
        assertThat(client.maySubscribe(subject)).as(subject).isFalse();
      }
    }
  }
}
