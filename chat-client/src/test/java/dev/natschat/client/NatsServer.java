package dev.natschat.client;

import io.nats.client.Connection;
import io.nats.client.NKey;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.api.DiscardPolicy;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.Comparator;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * A nats-server of the test's own. It has a user who may not use the admin room, known by a
 * password in the address because no callout is here to look at tokens, and one who may do
 * everything.
 */
final class NatsServer implements AutoCloseable {
  private static final String CONFIGURATION =
      """
      listen: "127.0.0.1:%d"
      jetstream { store_dir: "%s" }
      accounts {
        CHAT {
          jetstream: enabled
          users: [
            { user: admin, password: test-only }
            { user: chatter, password: "%s", permissions: {
                publish: ["chat.*", "chat.history.*"], subscribe: ["chat.*", "_UINBOX.alice.>"] } }
          ]
        }
      }
      """;

  /** With an auth-service that never answers: there is none. */
  private static final String CALLOUT =
      """
      listen: "127.0.0.1:%d"
      accounts { AUTH { users: [ { user: auth, password: test-only } ] } }
      authorization {
        timeout: 5
        auth_callout { issuer: %s, account: AUTH, auth_users: [ auth ] }
      }
      """;

  private final int port;
  private final Path directory;
  private Process process;

  private NatsServer(int port, Path directory) throws IOException {
    this.port = port;
    this.directory = directory;
    process = launch("test-only");
  }

  static NatsServer start() throws IOException {
    Path directory = Files.createTempDirectory("nats");
    NatsServer server;
    try {
      server = new NatsServer(freePort(), directory);
    } catch (IOException thereIsNoServer) {
      delete(directory);
      throw thereIsNoServer;
    }
    server.awaitReady();
    return server;
  }

  /** The address for a chat user. */
  String url() {
    return "nats://chatter:test-only@127.0.0.1:" + port;
  }

  /** A connection that may do everything. */
  Connection admin() throws IOException, InterruptedException {
    return Nats.connect(
        Options.builder()
            .server("nats://127.0.0.1:" + port)
            .userInfo("admin", "test-only")
            .connectionTimeout(Duration.ofSeconds(20))
            .supportUTF8Subjects()
            .build());
  }

  void stream(long maxMessages) throws Exception {
    Connection admin = admin();
    admin
        .jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name("CHAT_MESSAGES")
                .subjects("chat.*", "admin.*")
                .storageType(StorageType.Memory)
                .maxMessages(maxMessages)
                .discardPolicy(DiscardPolicy.New)
                .build());
    admin.close();
  }

  void restart() throws IOException {
    restart("test-only");
  }

  /** As a broker that lets no chat user in, for a moment or for ever. */
  void restartRefusing() throws IOException {
    restart("another");
  }

  /** As a broker that asks auth-service, which is away. */
  void restartWithCallout() throws IOException, GeneralSecurityException {
    stop();
    String issuer = new String(NKey.createAccount(null).getPublicKey());
    process = launched(CALLOUT.formatted(port, issuer));
    Awaitility.await()
        .ignoreExceptions()
        .until(
            () -> {
              new Socket(InetAddress.getLoopbackAddress(), port).close();
              return true;
            });
  }

  private void restart(String chattersPassword) throws IOException {
    stop();
    process = launch(chattersPassword);
    awaitReady();
  }

  @Override
  public void close() throws IOException {
    stop();
    delete(directory);
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private Process launch(String chattersPassword) throws IOException {
    return launched(CONFIGURATION.formatted(port, directory.resolve("store"), chattersPassword));
  }

  private Process launched(String configuration) throws IOException {
    Files.writeString(directory.resolve("nats.conf"), configuration);
    return new ProcessBuilder(
            System.getProperty("nats.server"), "-c", directory.resolve("nats.conf").toString())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private void stop() {
    process.destroy();
    try {
      process.waitFor(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void awaitReady() {
    Awaitility.await()
        .ignoreExceptions()
        .until(
            () -> {
              admin().close();
              return true;
            });
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }
}
