package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.Subscription;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two clusters, east and west, that are one by gateways: a message's way from one to the other. */
@SuppressWarnings("try") // connections
class HopsSuperClusterIT {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final String PUBLISHER = "b7ad6b7169203331";

  private final NatsServers servers;
  private final int eastPort = NatsServer.freePort();
  private final int westPort = NatsServer.freePort();

  HopsSuperClusterIT(@TempDir Path directory) throws IOException {
    servers = new NatsServers(directory);
    int east = NatsServer.freePort();
    int west = NatsServer.freePort();
    launch(directory, "east", eastPort, east, "west", west);
    launch(directory, "west", westPort, west, "east", east);
  }

  private void launch(
      Path directory, String cluster, int port, int gateway, String other, int othersGateway)
      throws IOException {
    String configuration =
        """
        server_name: %1$s-1
        listen: "127.0.0.1:%2$d"
        jetstream { store_dir: "%3$s", max_mem: 64MB, max_file: 64MB }
        cluster { name: %1$s, listen: "127.0.0.1:%4$d", routes: ["nats://127.0.0.1:%4$d"] }
        gateway { name: %1$s, listen: "127.0.0.1:%5$d",
          gateways: [
            { name: %1$s, url: "nats://127.0.0.1:%5$d" }
            { name: %6$s, url: "nats://127.0.0.1:%7$d" }
          ] }
        """
            .formatted(
                cluster,
                port,
                directory.resolve("store-" + cluster),
                NatsServer.freePort(),
                gateway,
                other,
                othersGateway);
    servers.launch(cluster, configuration + HopsClusterIT.accounts());
  }

  @AfterEach
  void stop() throws Exception {
    servers.close();
  }

  private Connection connect(int port, String user) {
    return servers.connect("nats://127.0.0.1:" + port, user);
  }

  @Test
  void aMessageThatCrossesAGatewayIsOneTree() throws Exception {
    Connection publisher = connect(eastPort, "chat");
    Subscription reader = connect(westPort, "chat").subscribe("chat.*");
    try (ObservedHops observed = new ObservedHops("nats://127.0.0.1:" + eastPort)) {
      await()
          .atMost(LONG)
          .until(
              () -> {
                publisher.publish(
                    "chat.warm-up", HopsClusterIT.traced("0af7651916cd43dd8448eb211c80319f"), null);
                return reader.nextMessage(Duration.ofMillis(500)) != null
                    && observed.spans().stream()
                        .anyMatch(
                            span -> "west-1".equals(span.getAttributes().get(HopSpans.SERVER)));
              });

      String trace = "0af7651916cd43dd8448eb211c803190";
      publisher.publish("chat.lobby", HopsClusterIT.traced(trace), null);
      observed.awaitSpansOf(trace, 4);

      assertThat(observed.edges(trace, PUBLISHER))
          .containsExactlyInAnyOrder(
              "publish > ingress client@east-1",
              "ingress client@east-1 > egress gateway@east-1",
              "egress gateway@east-1 > ingress gateway@west-1",
              "ingress gateway@west-1 > egress client@west-1");
      assertThat(observed.spansOf(trace))
          .extracting(span -> span.getAttributes().get(HopSpans.CLUSTER))
          .containsOnly("east", "west");
      assertThat(
              observed.spansOf(trace).stream()
                  .filter(span -> span.getName().equals("ingress gateway"))
                  .map(span -> span.getAttributes().get(HopSpans.PEER_NAME)))
          .containsExactly("east-1");
    }
  }
}
