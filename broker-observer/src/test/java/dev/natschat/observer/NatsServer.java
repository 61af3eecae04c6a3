package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;

import io.nats.client.Connection;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;

/**
 * A nats-server with the permissions of nats/nats.conf, and users who may do all: "tester" in
 * account CHAT, "hops" in account OBS, "admin" in account SYS. Also in CHAT, "alice" may do what
 * chat users may; "without-grant" lacks the permission that traced messages need.
 */
final class NatsServer implements AutoCloseable {
  private static final Path CONFIGURATION = Path.of("..", "nats", "nats.conf");
  private static final Pattern CALLOUT = Pattern.compile("(?s)\nauthorization \\{.*?\n\\}\n");
  private static final Pattern CHAT_USERS = Pattern.compile("(?s)(\n  CHAT \\{.*?users: \\[\n)");
  private static final Pattern OBS_USERS = Pattern.compile("(?s)(OBS \\{.*?users: \\[\n)");
  private static final Pattern SYS_USERS = Pattern.compile("(?s)(\n  SYS \\{.*?users: \\[\n)");
  private static final String MORE_CHAT_USERS =
      """
        { user: tester, password: test-only }
        { user: alice, password: test-only, permissions: {
            publish: ["chat.*", "broker.hops.*"], subscribe: ["chat.>", "_INBOX.>"] } }
        { user: without-grant, password: test-only, permissions: {
            publish: "chat.*", subscribe: ["chat.>", "_INBOX.>"] } }
      """;
  private static final String SECRETS =
      """
      AUTH_PASSWORD: test-only
      PERSIST_WORKER_PASSWORD: test-only
      HISTORY_SERVICE_PASSWORD: test-only
      BROKER_OBSERVER_PASSWORD: test-only
      """;
  private static final String CLUSTER =
      """
      cluster { name: %s, listen: "127.0.0.1:%d", routes: ["nats://127.0.0.1:%d"] }
      """;

  private static final Set<Integer> givenPorts = ConcurrentHashMap.newKeySet();

  private final int port = freePort();
  private final Path directory;
  private Process process;

  private NatsServer(Path directory, String name, String cluster, int sampling) throws IOException {
    this.directory = Files.createDirectories(directory);
    String text = CALLOUT.matcher(Files.readString(CONFIGURATION)).replaceFirst("\n");
    text = CHAT_USERS.matcher(text).replaceFirst("$1" + MORE_CHAT_USERS);
    text = SYS_USERS.matcher(text).replaceFirst("$1 { user: admin, password: test-only }\n");
    Files.writeString(
        directory.resolve("nats.conf"),
        text.replace("server_name: nats-chat", "server_name: " + name) + cluster);
    Files.writeString(directory.resolve("secrets.conf"), SECRETS);
    Files.writeString(
        directory.resolve("hops-secrets.conf"), "BROKER_OBSERVER_PASSWORD: test-only");
    Path from = CONFIGURATION.resolveSibling(sampling > 0 ? "hops-on" : "hops-off");
    Path hops = Files.createDirectory(directory.resolve("hops"));
    Files.writeString(
        hops.resolve("chat.conf"),
        Files.readString(from.resolve("chat.conf"))
            .replace("$BROKER_HOPS_SAMPLING", String.valueOf(sampling)));
    Files.writeString(
        hops.resolve("account.conf"),
        OBS_USERS
            .matcher(Files.readString(from.resolve("account.conf")))
            .replaceFirst("$1 { user: hops, password: test-only }\n"));
    process = launch();
  }

  /** Alone, and called {@code nats-chat} as the repository has it. */
  static NatsServer start(Path directory) throws IOException {
    NatsServer server = new NatsServer(directory, "nats-chat", "", 0);
    server.awaitReady();
    return server;
  }

  /** Alone, and with message tracing of so many percent. */
  static NatsServer startWithHops(Path directory, int sampling) throws IOException {
    NatsServer server = new NatsServer(directory, "nats-chat", "", sampling);
    server.awaitReady();
    return server;
  }

  /** Returns two servers, n1 and n2, of cluster "east". */
  static NatsServer[] startTwo(Path directory) throws IOException {
    int one = freePort();
    int two = freePort();
    NatsServer[] servers = {
      new NatsServer(directory.resolve("n1"), "n1", CLUSTER.formatted("east", one, two), 0),
      new NatsServer(directory.resolve("n2"), "n2", CLUSTER.formatted("east", two, one), 0)
    };
    for (NatsServer server : servers) {
      server.awaitReady();
    }
    return servers;
  }

  String url() {
    return "nats://127.0.0.1:" + port;
  }

  Connection connect(String user) throws IOException, InterruptedException {
    return Nats.connect(
        Options.builder()
            .server(url())
            .userInfo(user, "test-only")
            .connectionTimeout(Duration.ofSeconds(20)) // also of requests to JetStream
            .ignoreDiscoveredServers()
            .maxReconnects(-1)
            .build());
  }

  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** From its next start on. */
  void renameUser(String user, String to) throws IOException {
    Path account = directory.resolve("hops").resolve("account.conf");
    String text = Files.readString(account);
    assertThat(text).contains("user: " + user + "\n");
    Files.writeString(account, text.replace("user: " + user + "\n", "user: " + to + "\n"));
  }

  /** What it wrote until now. */
  String output() throws IOException {
    return Files.readString(directory.resolve("log"));
  }

  void startAgain() throws IOException {
    process = launch();
    awaitReady();
  }

  @Override
  public void close() {
    process.destroy();
    process.onExit().join();
  }

  private Process launch() throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
                System.getProperty("nats.server"), "-c", directory.resolve("nats.conf").toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(directory.resolve("log").toFile()));
    builder.environment().put("NATS_BIND", "127.0.0.1");
    builder.environment().put("NATS_PORT", String.valueOf(port));
    builder.environment().put("NATS_WEBSOCKET_PORT", String.valueOf(freePort()));
    builder.environment().put("NATS_MONITOR_PORT", String.valueOf(freePort()));
    builder.environment().put("NATS_STORE_DIR", directory.resolve("store").toString());
    return builder.start();
  }

  private void awaitReady() {
    Awaitility.await()
        .ignoreExceptions()
        .until(
            () -> {
              connect("tester").close();
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
