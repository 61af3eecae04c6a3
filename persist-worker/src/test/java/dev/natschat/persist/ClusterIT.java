package dev.natschat.persist;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.JetStream;
import io.nats.client.JetStreamApiException;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.PublishOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three servers by nats/cluster/, with the limits of nats/nats.conf. */
class ClusterIT {
  private static final int SERVERS = 3;
  private static final int MESSAGES_EACH = 100;

  private final List<NatsServer> servers = new ArrayList<>();
  private String urls;
  private Database database;
  private Worker worker;

  @BeforeEach
  void start(@TempDir Path directory) throws Exception {
    Awaitility.setDefaultTimeout(Duration.ofMinutes(3));
    List<Integer> routes =
        IntStream.range(0, SERVERS).mapToObj(i -> NatsServer.freePort()).toList();
    for (int i = 1; i <= SERVERS; i++) {
      Map<String, String> environment = new HashMap<>();
      environment.put("NATS_SERVER_NAME", "nats-" + i);
      environment.put("NATS_CLUSTER_PORT", String.valueOf(routes.get(i - 1)));
      for (int route = 1; route <= SERVERS; route++) {
        environment.put(
            "NATS_ROUTE_" + route,
            "\"nats://route:test-only@127.0.0.1:" + routes.get(route - 1) + "\"");
      }
      Path own = Files.createDirectory(directory.resolve("nats-" + i));
      servers.add(NatsServer.start(own, environment));
    }
    urls = servers.stream().map(NatsServer::url).collect(Collectors.joining(","));
    database = Database.start(Files.createDirectory(directory.resolve("postgres")));
    Map<String, String> settings = Worker.settings(servers.get(0), database);
    settings.put("NATS_URL", urls);
    settings.put("STREAM_MAX_BYTES", String.valueOf(600L * 1024 * 1024)); // as its README says
    settings.put("STREAM_REPLICAS", String.valueOf(SERVERS));
    settings.put("ACK_WAIT_SECONDS", "1");
    worker = Worker.start(settings, Path.of("target", "cluster-worker.log"));
  }

  @AfterEach
  void stop() throws Exception {
    if (worker != null) {
      worker.kill();
    }
    for (NatsServer server : servers) {
      server.kill();
    }
    if (database != null) {
      database.close();
    }
  }

  @Test
  @SuppressWarnings("try") // nobody interrupts a closing connection
  void anyOneOfThreeServersMayBeLost() throws Exception {
    try (Connection nats =
        Nats.connect(
            Options.builder()
                .servers(urls.split(",", -1))
                .userInfo("tester", "test-only")
                .maxReconnects(-1)
                .build())) {
      await()
          .ignoreExceptions()
          .until(
              () ->
                  nats.jetStreamManagement()
                      .getStreamInfo(ChatStream.NAME)
                      .getConfiguration()
                      .getReplicas(),
              replicas -> replicas == SERVERS);
      for (int i = 0; i < SERVERS; i++) {
        await().until(() -> servers.stream().allMatch(NatsServer::isHealthy));
        servers.get(i).kill();
        for (int number = 0; number < MESSAGES_EACH; number++) {
          publish(nats.jetStream(), "message " + i + "-" + number);
        }
        servers.get(i).startAgain();
      }
    }

    await().until(() -> database.count("messages") >= SERVERS * MESSAGES_EACH);
    assertThat(database.column("SELECT count(*) || ' ' || count(DISTINCT text) FROM messages"))
        .containsExactly("300 300");
  }

  /** Until it is acknowledged; by its id the broker knows it again. */
  private static void publish(JetStream stream, String text) {
    PublishOptions once = PublishOptions.builder().messageId(text).build();
    byte[] body = WorkerTest.json("alice", text).getBytes(UTF_8);
    await()
        .until(
            () -> {
              try {
                stream.publish("chat.lobby", body, once);
                return true;
              } catch (IOException | JetStreamApiException e) {
                return false;
              }
            });
  }
}
