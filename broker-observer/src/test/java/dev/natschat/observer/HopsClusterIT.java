package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.Message;
import io.nats.client.Subscription;
import io.nats.client.api.DiscardPolicy;
import io.nats.client.api.Placement;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A cluster of three servers, a leaf node at the third, and a second account that imports the
 * chat's messages: the trace of one message shows the way it took, and where another died.
 */
@SuppressWarnings("try") // connections
class HopsClusterIT {
  private static final Duration LONG = Duration.ofSeconds(40);
  private static final String PUBLISHER = "b7ad6b7169203331";

  private static final String ACCOUNTS =
      """
      accounts {
        CHAT {
          jetstream: enabled
          %s
          exports: [{ stream: "chat.*", accounts: [SHOP] }]
          users: [
            { user: chat, password: test-only }
            { user: bob, password: test-only, permissions: {
                publish: ["chat.*", "broker.hops.*"], subscribe: "_INBOX.>" } }
          ]
        }
        SHOP {
          imports: [
            { stream: { account: CHAT, subject: "chat.*" }, to: "news.$1", allow_trace: true }
          ]
          users: [{ user: shop, password: test-only }]
        }
        OBS {
          jetstream: enabled
          exports: [{ service: "hops.*", accounts: [CHAT] }]
          users: [{ user: broker-observer-hops, password: test-only }]
        }
        SYS { users: [{ user: broker-observer, password: test-only }] }
      }
      system_account: SYS
      """;

  private final NatsServers servers;
  private final int[] clients = ports();
  private final int[] routes = ports();
  private final int leafPort = NatsServer.freePort();

  HopsClusterIT(@TempDir Path directory) throws IOException {
    servers = new NatsServers(directory);
    String accounts = accounts();
    for (int i = 1; i <= 3; i++) {
      servers.launch(
          "n" + i,
          """
          server_name: n%d
          server_tags: ["at:n%d"]
          listen: "127.0.0.1:%d"
          jetstream { store_dir: "%s", max_mem: 64MB, max_file: 64MB }
          cluster { name: east, listen: "127.0.0.1:%d",
            routes: ["nats://127.0.0.1:%d", "nats://127.0.0.1:%d", "nats://127.0.0.1:%d"] }
          %s
          """
                  .formatted(
                      i,
                      i,
                      clients[i],
                      directory.resolve("store" + i),
                      routes[i],
                      routes[1],
                      routes[2],
                      routes[3],
                      i == 3 ? "leafnodes { listen: \"127.0.0.1:" + leafPort + "\" }" : "")
              + accounts);
    }
    servers.launch(
        "leaf",
        """
        server_name: leaf
        listen: "127.0.0.1:%d"
        leafnodes { remotes: [
          { url: "nats://chat:test-only@127.0.0.1:%d", account: CHAT }
          { url: "nats://broker-observer-hops:test-only@127.0.0.1:%d", account: OBS }
        ] }
        """
                .formatted(clients[0], leafPort, leafPort)
            + accounts.replace("jetstream: enabled", ""));
  }

  /** Of nats/hops-on, and users who may do more. */
  static String accounts() throws IOException {
    return ACCOUNTS.formatted(
        Files.readString(Path.of("..", "nats", "hops-on", "chat.conf"))
            .replace("$BROKER_HOPS_SAMPLING", "100")
            .replaceAll("(?m)^HISTORY_SERVICE.*$", "")); // nobody here uses it
  }

  private static int[] ports() {
    return new int[] {
      NatsServer.freePort(), NatsServer.freePort(), NatsServer.freePort(), NatsServer.freePort()
    };
  }

  @AfterEach
  void stop() throws Exception {
    servers.close();
  }

  private String url(int server) {
    return "nats://127.0.0.1:" + clients[server];
  }

  /** 0 is the leaf node. */
  private Connection connect(int server, String user) {
    return servers.connect(url(server), user);
  }

  private static void addStream(Connection client, String name, String at, long maxBytes) {
    StreamConfiguration stream =
        StreamConfiguration.builder()
            .name(name)
            .subjects(name + ".*", name.equals("KEPT") ? "chat.*" : name + ".x.y")
            .storageType(StorageType.File)
            .maxBytes(maxBytes)
            .discardPolicy(DiscardPolicy.New)
            .placement(Placement.builder().tags("at:" + at).build())
            .build();
    await()
        .atMost(LONG)
        .ignoreExceptions()
        .until(() -> client.jetStreamManagement().addStream(stream) != null);
  }

  static Headers traced(String traceId) {
    return new Headers().put("traceparent", "00-" + traceId + "-" + PUBLISHER + "-01");
  }

  @Test
  void theWholeWayOfAMessageIsOneTreeAndARefusedOneShowsWhereItDied() throws Exception {
    Connection publisher = connect(1, "chat");
    addStream(publisher, "KEPT", "n2", 1_000_000);
    addStream(publisher, "FULL", "n3", 200);
    try (ObservedHops observed = new ObservedHops(url(1))) {
      List<Subscription> readers =
          List.of(
              connect(2, "chat").subscribe("chat.*", "readers"),
              connect(3, "shop").subscribe("news.*"),
              connect(0, "chat").subscribe("chat.>"));
      Connection atTheLeaf = connect(0, "chat");
      awaitInterest("chat.from-n1", publisher, readers, observed);
      awaitInterest("chat.from-the-leaf", atTheLeaf, readers, observed);

      String whole = "0af7651916cd43dd8448eb211c803190";
      publisher.publish("chat.lobby", traced(whole), null);
      observed.awaitSpansOf(whole, 12);
      assertThat(observed.edges(whole, PUBLISHER))
          .containsExactlyInAnyOrder(
              "publish > ingress client@n1",
              "ingress client@n1 > egress route@n1",
              "ingress client@n1 > egress route@n1",
              "egress route@n1 > ingress route@n2",
              "ingress route@n2 > egress client@n2",
              "ingress route@n2 > store KEPT@n2",
              "egress route@n1 > ingress route@n3",
              "ingress route@n3 > stream import@n3",
              "ingress route@n3 > egress client@n3",
              "ingress route@n3 > egress leafnode@n3",
              "egress leafnode@n3 > ingress leafnode@leaf",
              "ingress leafnode@leaf > egress client@leaf");
      List<SpanData> spans = observed.spansOf(whole);
      assertThat(spans).allMatch(span -> span.getStatus().getStatusCode() == StatusCode.UNSET);
      assertThat(find(spans, "egress client", "n3").getAttributes().asMap())
          .containsEntry(HopSpans.ACCOUNT, "SHOP")
          .containsEntry(HopSpans.DESTINATION, "news.lobby");
      assertThat(find(spans, "egress client", "n2").getAttributes().asMap())
          .containsEntry(HopSpans.ACCOUNT, "CHAT")
          .containsEntry(HopSpans.QUEUE, "readers");
      assertThat(find(spans, "stream import", "n3").getAttributes().asMap())
          .containsEntry(HopSpans.ACCOUNT, "SHOP");
      assertThat(find(spans, "ingress route", "n3").getAttributes().asMap())
          .containsEntry(HopSpans.CLUSTER, "east")
          .containsEntry(HopSpans.PEER, "route")
          .containsEntry(HopSpans.PEER_NAME, "n1");
      assertThat(observed.count(HopMetric.INCOMPLETE)).isZero();

      String fromTheLeaf = "0af7651916cd43dd8448eb211c803191";
      atTheLeaf.publish("chat.lobby", traced(fromTheLeaf), null);
      observed.awaitSpansOf(fromTheLeaf, 10);
      assertThat(observed.edges(fromTheLeaf, PUBLISHER))
          .containsExactlyInAnyOrder(
              "publish > ingress client@leaf",
              "ingress client@leaf > egress client@leaf",
              "ingress client@leaf > egress leafnode@leaf",
              "egress leafnode@leaf > ingress leafnode@n3",
              "ingress leafnode@n3 > stream import@n3",
              "ingress leafnode@n3 > egress client@n3",
              "ingress leafnode@n3 > egress route@n3",
              "egress route@n3 > ingress route@n2",
              "ingress route@n2 > egress client@n2",
              "ingress route@n2 > store KEPT@n2");

      String full = "0af7651916cd43dd8448eb211c803192";
      publisher.publish("FULL.a", traced(full), new byte[300]);
      observed.awaitSpansOf(full, 4);
      assertThat(observed.edges(full, PUBLISHER))
          .containsExactlyInAnyOrder(
              "publish > ingress client@n1",
              "ingress client@n1 > egress route@n1",
              "egress route@n1 > ingress route@n3",
              "ingress route@n3 > store FULL@n3");
      SpanData died = find(observed.spansOf(full), "store FULL", "n3");
      assertThat(died.getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
      assertThat(died.getAttributes().asMap()).containsEntry(HopSpans.ERROR_TYPE, "limit_reached");

      String refused = "0af7651916cd43dd8448eb211c803193";
      connect(2, "bob").publish("admin.lobby", traced(refused), null);
      SpanData ingress = observed.awaitSpansOf(refused, 1).get(0);
      assertThat(observed.edges(refused, PUBLISHER)).containsExactly("publish > ingress client@n2");
      assertThat(ingress.getAttributes().asMap())
          .containsEntry(HopSpans.ERROR_TYPE, "permission_denied");
    }
  }

  /** Servers tell each other of subscriptions in the background. */
  private static void awaitInterest(
      String subject, Connection publisher, List<Subscription> readers, ObservedHops observed) {
    await()
        .atMost(LONG)
        .until(
            () -> {
              publisher.publish(subject, traced("0af7651916cd43dd8448eb211c80319f"), null);
              for (Subscription reader : readers) {
                if (!hears(reader, subject.replace("chat.", ""))) {
                  return false;
                }
              }
              return observed.spans().stream()
                  .anyMatch(span -> "leaf".equals(span.getAttributes().get(HopSpans.SERVER)));
            });
  }

  private static boolean hears(Subscription reader, String room) throws InterruptedException {
    Message message = reader.nextMessage(Duration.ofMillis(500));
    while (message != null && !message.getSubject().endsWith("." + room)) {
      message = reader.nextMessage(Duration.ofMillis(500)); // a warm-up before this one
    }
    return message != null;
  }

  private static SpanData find(List<SpanData> spans, String name, String server) {
    return spans.stream()
        .filter(span -> span.getName().equals(name))
        .filter(span -> server.equals(span.getAttributes().get(HopSpans.SERVER)))
        .findFirst()
        .orElseThrow(
            () -> new AssertionError(name + "@" + server + " is not in " + Map.of("", spans)));
  }
}
