package dev.natschat.persist;

import static org.assertj.core.api.Assertions.assertThat;

import io.nats.client.Connection;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.HttpURLConnection;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;

/**
 * A nats-server with the permissions of nats/nats.conf, and a user "tester" in account CHAT who may
 * do all.
 */
final class NatsServer {
  private static final Path CONFIGURATION = Path.of("..", "nats", "nats.conf");
  private static final Pattern CALLOUT = Pattern.compile("(?s)\nauthorization \\{.*?\n\\}\n");
  private static final Pattern CHAT_USERS = Pattern.compile("(?s)(\n  CHAT \\{.*?users: \\[\n)");
  private static final String SECRETS =
      """
      AUTH_PASSWORD: test-only
      PERSIST_WORKER_PASSWORD: test-only
      HISTORY_SERVICE_PASSWORD: test-only
      BROKER_OBSERVER_PASSWORD: test-only
      """;

  private static final Set<Integer> givenPorts = ConcurrentHashMap.newKeySet();

  private final int port = freePort();
  private final int monitorPort = freePort();
  private final Path directory;
  private final Map<String, String> ofCluster;
  private Process process;

  /**
   * @param ofCluster what nats/cluster/nats.conf asks for; empty for a server of its own
   */
  private NatsServer(Path directory, Map<String, String> ofCluster) throws IOException {
    this.directory = directory;
    this.ofCluster = ofCluster;
    String withoutCallout = CALLOUT.matcher(Files.readString(CONFIGURATION)).replaceFirst("\n");
    Files.writeString(
        directory.resolve("nats.conf"),
        CHAT_USERS
            .matcher(withoutCallout)
            .replaceFirst("$1      { user: tester, password: test-only }\n"));
    Files.writeString(directory.resolve("secrets.conf"), SECRETS);
    Path hops = Files.createDirectory(directory.resolve("hops"));
    for (String part : List.of("chat.conf", "account.conf")) {
      Files.copy(CONFIGURATION.resolveSibling("hops-off").resolve(part), hops.resolve(part));
    }
    if (!ofCluster.isEmpty()) {
      Path cluster = Files.createDirectory(directory.resolve("cluster"));
      Files.copy(Path.of("..", "nats", "cluster", "nats.conf"), cluster.resolve("nats.conf"));
      Files.writeString(cluster.resolve("cluster-secret.conf"), "CLUSTER_PASSWORD: test-only");
    }
    process = launch();
  }

  static NatsServer start(Path directory) throws IOException {
    return start(directory, Map.of());
  }

  static NatsServer start(Path directory, Map<String, String> ofCluster) throws IOException {
    NatsServer server = new NatsServer(directory, ofCluster);
    server.awaitReady();
    return server;
  }

  /** Its JetStream is up, and has all of what it should have. */
  boolean isHealthy() {
    try {
      URL healthz = URI.create("http://127.0.0.1:" + monitorPort + "/healthz").toURL();
      return ((HttpURLConnection) healthz.openConnection()).getResponseCode() == 200;
    } catch (IOException e) {
      return false;
    }
  }

  String url() {
    return "nats://127.0.0.1:" + port;
  }

  /** It is back soon after a restart: what is asked of JetStream meanwhile has a time limit. */
  Connection connect() throws IOException, InterruptedException {
    return Nats.connect(
        Options.builder()
            .server(url())
            .userInfo("tester", "test-only")
            .supportUTF8Subjects()
            .connectionTimeout(Duration.ofSeconds(20)) // also of requests to JetStream
            .reconnectWait(Duration.ofMillis(200))
            .maxReconnects(-1)
            .build());
  }

  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  void startAgain() throws IOException {
    process = launch();
    awaitReady();
  }

  /** Of persist-worker, from the next start on. */
  void changePassword(String password) throws IOException {
    Files.writeString(
        directory.resolve("secrets.conf"),
        SECRETS.replace("WORKER_PASSWORD: test-only", "WORKER_PASSWORD: " + password));
  }

  void stop() throws InterruptedException {
    process.destroy();
    process.waitFor();
  }

  /** Of a stopped one: what a snapshot has. */
  Path copyStore(Path to) throws IOException, InterruptedException {
    return Copies.make(directory.resolve("store"), to);
  }

  /** Of a stopped one, by a snapshot. */
  void replaceStore(Path snapshot) throws IOException, InterruptedException {
    Copies.putBack(directory.resolve("store"), snapshot);
  }

  private Process launch() throws IOException {
    Path configuration = directory.resolve(ofCluster.isEmpty() ? "nats.conf" : "cluster/nats.conf");
    ProcessBuilder builder =
        new ProcessBuilder(System.getProperty("nats.server"), "-c", configuration.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(directory.resolve("log").toFile()));
    builder.environment().put("NATS_BIND", "127.0.0.1");
    builder.environment().put("NATS_PORT", String.valueOf(port));
    builder.environment().put("NATS_WEBSOCKET_PORT", String.valueOf(freePort()));
    builder.environment().put("NATS_MONITOR_PORT", String.valueOf(monitorPort));
    builder.environment().put("NATS_STORE_DIR", directory.resolve("store").toString());
    builder.environment().putAll(ofCluster);
    return builder.start();
  }

  private String log() throws IOException {
    return Files.readString(directory.resolve("log"));
  }

  private void awaitReady() {
    Awaitility.await()
        .ignoreExceptions()
        .failFast(() -> assertThat(process.isAlive()).as("%s", log()).isTrue())
        .until(
            () -> {
              connect().close();
              return true;
            });
  }

  /**
   * Below those that systems choose for outgoing connections: one of these could have it while the
   * server is started again. None twice: whose it is may not have taken it yet.
   */
  static int freePort() {
    int port = ThreadLocalRandom.current().nextInt(20_000, 32_768);
    if (!givenPorts.add(port)) {
      return freePort();
    }
    try (ServerSocket socket = new ServerSocket(port)) {
      return socket.getLocalPort();
    } catch (BindException taken) {
      return freePort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
