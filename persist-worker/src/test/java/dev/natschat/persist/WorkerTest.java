package dev.natschat.persist;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.JetStream;
import io.nats.client.JetStreamApiException;
import io.nats.client.JetStreamManagement;
import io.nats.client.api.ConsumerInfo;
import io.nats.client.api.PublishAck;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** Workers' processes between a real broker and a real database. */
abstract class WorkerTest {
  /** Kept, to be read when a test fails. */
  private static final Path OUTPUT = Path.of("target", "persist-worker-output");

  static Path directory;
  static NatsServer broker;
  static Database database;

  final List<Worker> workers = new ArrayList<>();
  Connection nats;
  JetStream stream;
  JetStreamManagement management;
  Map<String, String> settings;
  private String test;

  @BeforeAll
  static void startServers(@TempDir Path temporary) throws Exception {
    directory = temporary;
    Files.createDirectories(OUTPUT);
    Awaitility.setDefaultTimeout(Duration.ofMinutes(3));
    broker = NatsServer.start(Files.createDirectory(directory.resolve("nats")));
    database = Database.start(Files.createDirectory(directory.resolve("postgres")));
  }

  @AfterAll
  static void stopServers() throws Exception {
    broker.stop();
    database.close();
  }

  @BeforeEach
  void connect(TestInfo info) throws Exception {
    test = info.getTestMethod().orElseThrow().getName();
    nats = broker.connect();
    stream = nats.jetStream();
    management = nats.jetStreamManagement();
    settings = Worker.settings(broker, database);
  }

  @AfterEach
  void cleanUp() throws Exception {
    for (Worker worker : workers) {
      worker.kill();
    }
    if (management.getStreamNames().contains(ChatStream.NAME)) {
      management.deleteStream(ChatStream.NAME);
    }
    nats.close();
    database.execute("DROP SCHEMA public CASCADE");
    database.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner");
    database.execute("GRANT USAGE ON SCHEMA public TO PUBLIC");
  }

  Worker start() throws Exception {
    Path output = OUTPUT.resolve(test + "-" + workers.size() + ".log");
    Worker worker = Worker.start(settings, output);
    workers.add(worker);
    return worker;
  }

  /** Stream, durable and tables, and nobody who consumes. */
  void prepare() throws Exception {
    Config config = Config.from(settings);
    MessageStore.open(config).close();
    Connection connection = Broker.connect(config);
    Inbox inbox = new Inbox(connection, (sequence, created) -> OptionalLong.empty(), config);
    assertThat(inbox.nextBatch()).isEmpty();
    inbox.close();
    connection.close();
  }

  void awaitStream() {
    await().ignoreExceptions().until(() -> durable() != null);
  }

  ConsumerInfo durable() throws Exception {
    return management.getConsumerInfo(ChatStream.NAME, ChatStream.DURABLE);
  }

  /** Exactly once: neither fewer nor more. */
  void awaitRows(long rows) {
    await().ignoreExceptions().until(() -> database.count("messages") >= rows);
    await().until(() -> durable().getNumAckPending() == 0 && durable().getNumPending() == 0);
    await().until(() -> database.count("messages") == rows);
  }

  void publish(int messages) throws Exception {
    List<CompletableFuture<PublishAck>> acks = new ArrayList<>();
    for (int i = 0; i < messages; i++) {
      byte[] body = json("alice", "message " + i).getBytes(UTF_8);
      acks.add(stream.publishAsync("chat.lobby", body));
      if (acks.size() == 1_000) {
        CompletableFuture.allOf(acks.toArray(CompletableFuture[]::new)).join();
        acks.clear();
      }
    }
    CompletableFuture.allOf(acks.toArray(CompletableFuture[]::new)).join();
  }

  int publishUntilRefused(byte[] body) throws Exception {
    int accepted = 0;
    try {
      while (true) {
        stream.publish("chat.lobby", body);
        accepted++;
      }
    } catch (JetStreamApiException e) {
      assertThat(e).hasMessageContaining("maximum bytes exceeded");
      return accepted;
    }
  }

  static String json(String user, String text) {
    return "{\"user\":\"" + user + "\",\"text\":\"" + text + "\",\"timestamp\":1700000000000}";
  }
}
