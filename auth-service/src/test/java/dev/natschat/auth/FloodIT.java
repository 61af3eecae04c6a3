package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.JetStream;
import io.nats.client.JetStreamApiException;
import io.nats.client.Message;
import io.nats.client.Subscription;
import io.nats.client.api.DiscardPolicy;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a user who sends as fast as the broker reads can spoil, and what not: NATS has no rate limit
 * per user.
 */
@SuppressWarnings("try") // connections
class FloodIT {
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final int STREAM_BYTES = 8 << 20;

  private final NatsServer nats;
  private final Realm realm = new Realm();
  private final RunningService service;
  private final ChatClient worker;

  FloodIT(@TempDir Path temp) throws Exception {
    nats = new NatsServer(temp);
    service = RunningService.ready(nats, realm, temp.resolve("health"));
    worker = ChatClient.service(nats, "persist-worker");
  }

  @BeforeEach
  void stream() throws Exception {
    worker
        .connection()
        .jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name("CHAT_MESSAGES")
                .subjects("chat.*", "admin.*")
                .storageType(StorageType.File)
                .discardPolicy(DiscardPolicy.New)
                .maxBytes(STREAM_BYTES)
                .build());
  }

  @AfterEach
  void close() {
    worker.close();
    service.close();
    realm.close();
    nats.close();
  }

  private ChatClient user(String name) throws Exception {
    return ChatClient.withToken(nats.url(), realm.token(name, "user"), name);
  }

  /** Logins, other rooms' readers, requests and their answers go on. */
  @Test
  void aFloodLeavesOthersTheirLoginsRoomsAndAnswers() throws Exception {
    try (Flood flood = new Flood("chat.flooded");
        ChatClient history = ChatClient.service(nats, "history-service")) {
      history
          .connection()
          .createDispatcher(
              message -> history.connection().publish(message.getReplyTo(), new byte[0]))
          .subscribe("chat.history.*", "history-service");
      history.flush();
      for (int i = 0; i < 20; i++) {
        try (ChatClient alice = user("alice")) {
          Subscription room = alice.connection().subscribe("chat.quiet");
          alice.flush();
          alice.connection().publish("chat.quiet", "hello".getBytes(UTF_8));
          Message heard = room.nextMessage(LONG);
          assertThat(heard).isNotNull();
          assertThat(alice.connection().request("chat.history.quiet", null, LONG)).isNotNull();
        }
      }
      assertThat(flood.sent()).isPositive();
    }
  }

  /** The one thing that it takes from all: the stream. Who publishes by JetStream is told. */
  @Test
  void aFloodFillsTheStreamUntilItIsTrimmed() throws Exception {
    try (Flood flood = new Flood("chat.flooded");
        ChatClient alice = user("alice")) {
      JetStream stream = alice.connection().jetStream();
      await("the stream is full")
          .atMost(Duration.ofSeconds(60))
          .until(() -> answer(stream) == Answer.FULL);
      flood.close();

      await("there is room again, when what was on its way has come in, too")
          .atMost(Duration.ofSeconds(60))
          .until(
              () -> {
                worker.connection().jetStreamManagement().purgeStream("CHAT_MESSAGES");
                return answer(stream) == Answer.STORED;
              });
    }
  }

  private enum Answer {
    STORED,
    FULL,
    /** Messages wait for the server to look at them, as many as it keeps. */
    TOO_MANY_AT_ONCE
  }

  private static Answer answer(JetStream stream) throws IOException, JetStreamApiException {
    try {
      stream.publish("chat.quiet", new byte[1000]);
      return Answer.STORED;
    } catch (JetStreamApiException refused) {
      if (refused.getApiErrorCode() == 10077) { // maximum bytes exceeded
        return Answer.FULL;
      }
      throw refused;
    } catch (IOException refused) {
      if (String.valueOf(refused.getMessage()).contains("429")) {
        return Answer.TOO_MANY_AT_ONCE;
      }
      throw refused;
    }
  }

  /** Who reads the flooded room too slowly is cut off; the broker does not wait for them. */
  @Test
  void aFloodCutsOffWhoReadsItTooSlowly() throws Exception {
    try (RawClient sleeper = new RawClient(nats.url()).connect(realm.token("alice", "user"));
        Flood flood = new Flood("chat.flooded")) {
      assertThat(sleeper.answer()).isEqualTo(RawClient.LET_IN);
      sleeper.send("SUB chat.> 1\r\n");

      await("cut off, see max_pending and write_deadline")
          .atMost(Duration.ofSeconds(60))
          .until(() -> nats.output().contains("Slow Consumer"));
      assertThat(flood.sent()).isPositive();
    }
  }

  /** Messages of 1 kB on a socket, as fast as it takes them. */
  private final class Flood implements AutoCloseable {
    private final Socket socket;
    private final AtomicLong sent = new AtomicLong();

    Flood(String subject) throws Exception {
      URI url = URI.create(nats.url());
      socket = new Socket(url.getHost(), url.getPort());
      OutputStream out = socket.getOutputStream();
      out.write(
          ("CONNECT {\"verbose\":false,\"auth_token\":\"" + realm.token("bob", "user") + "\"}\r\n")
              .getBytes(UTF_8));
      byte[] message = ("PUB " + subject + " 1000\r\n" + "x".repeat(1000) + "\r\n").getBytes(UTF_8);
      Thread thread =
          new Thread(
              () -> {
                try {
                  while (true) {
                    out.write(message);
                    sent.incrementAndGet();
                  }
                } catch (IOException closed) {
                  // the end of the flood
                }
              },
              "flood");
      thread.start();
      await("a flood").atMost(LONG).until(() -> sent.get() > 1000);
    }

    long sent() {
      return sent.get();
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
