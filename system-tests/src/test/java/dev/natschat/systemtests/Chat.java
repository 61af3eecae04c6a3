package dev.natschat.systemtests;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.natschat.telemetry.Addresses;
import io.nats.client.Connection;
import io.nats.client.ErrorListener;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.api.PublishAck;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * What a user of the chat does, through the public contract alone: a token, a connection, messages,
 * history.
 */
final class Chat implements AutoCloseable {
  static final Addresses ADDRESSES = Addresses.from(System.getenv());
  static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  final String user;
  final Connection nats;

  /** What the broker complained of, such as a permissions violation. */
  final List<String> complaints;

  private Chat(String user, Connection nats, List<String> complaints) {
    this.user = user;
    this.nats = nats;
    this.complaints = complaints;
  }

  /** Logs in as alice, bob or charlie of the demo realm. */
  static Chat as(String user) throws IOException, InterruptedException {
    return with(token(user), user);
  }

  /** Logs in with this token. */
  static Chat with(String token, String user) throws IOException, InterruptedException {
    List<String> complaints = new CopyOnWriteArrayList<>();
    ErrorListener listener =
        new ErrorListener() {
          @Override
          public void errorOccurred(Connection connection, String error) {
            complaints.add(error);
          }
        };
    return new Chat(
        user, Nats.connect(options(token, user).errorListener(listener).build()), complaints);
  }

  static Options.Builder options(String token, String user) {
    return new Options.Builder()
        .server(ADDRESSES.nats().toString())
        .token(token.toCharArray())
        .inboxPrefix("_UINBOX." + user)
        .connectionName("system-tests")
        .connectionTimeout(
            Duration.ofSeconds(5)) // jnats reports a refusal when this is over, not when it comes
        .maxReconnects(0);
  }

  /** A Keycloak access token by the direct access grant. */
  static String token(String user) throws IOException, InterruptedException {
    String form =
        "grant_type=password&client_id=nats-chat-app&username=%s&password=%s"
            .formatted(user, URLEncoder.encode(user + "123", UTF_8));
    URI uri = URI.create(ADDRESSES.keycloak() + "/realms/nats-chat/protocol/openid-connect/token");
    HttpResponse<String> answer =
        HTTP.send(
            HttpRequest.newBuilder(uri)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString(form))
                .build(),
            BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IOException(
          "Keycloak gave " + user + " no token: HTTP " + answer.statusCode() + " " + answer.body());
    }
    return JSON.readTree(answer.body()).path("access_token").asText();
  }

  /** A room of a test's own. */
  static String newRoom() {
    return "e2e-" + UUID.randomUUID();
  }

  byte[] message(String room, String text) {
    return JSON.createObjectNode()
        .put("user", user)
        .put("text", text)
        .put("timestamp", System.currentTimeMillis())
        .put("room", room)
        .toString()
        .getBytes(UTF_8);
  }

  /** Publishes through JetStream: returns when the stream has it. */
  PublishAck say(String room, String text) throws Exception {
    return nats.jetStream().publish("chat." + room, message(room, text));
  }

  /** The texts of a room's history, oldest first. */
  List<String> history(String room) throws Exception {
    JsonNode answer = JSON.readTree(historyAnswer(room).getData());
    return answer.findValuesAsText("text");
  }

  Message historyAnswer(String room) throws InterruptedException {
    Message answer = nats.request("chat.history." + room, new byte[0], PATIENCE);
    if (answer == null) {
      throw new AssertionError("no answer to chat.history." + room + " within " + PATIENCE);
    }
    return answer;
  }

  @Override
  public void close() {
    try {
      nats.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
