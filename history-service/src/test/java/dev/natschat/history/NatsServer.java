package dev.natschat.history;

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
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/** A nats-server of the test's own, with the permissions that nats/nats.conf gives. */
final class NatsServer implements AutoCloseable {
  static final long MAX_PAYLOAD = 64 * 1024;

  private static final String CONFIGURATION =
      """
      listen: "127.0.0.1:%d"
      max_payload: %d
      max_control_line: 16KB
      accounts {
        CHAT {
          users: [
            { user: history-service, password: test-only, permissions: {
                publish: ["_UINBOX.>", "_INBOX.>"], subscribe: "chat.history.* history-service" } }
            { user: alice, password: test-only }
          ]
        }
      }
      """;

  private static final Set<Integer> givenPorts = ConcurrentHashMap.newKeySet();

  private final int port;
  private final Path directory;
  private Process process;

  private NatsServer(int port, Path directory, long maxPayload) throws IOException {
    this.port = port;
    this.directory = directory;
    Files.writeString(directory.resolve("nats.conf"), CONFIGURATION.formatted(port, maxPayload));
    process = launch();
  }

  static NatsServer start() throws IOException {
    return start(MAX_PAYLOAD);
  }

  static NatsServer start(long maxPayload) throws IOException {
    Path directory = Files.createTempDirectory("nats");
    NatsServer server;
    try {
      server = new NatsServer(freePort(), directory, maxPayload);
    } catch (IOException thereIsNoServer) {
      delete(directory);
      throw thereIsNoServer;
    }
    server.awaitReady();
    return server;
  }

  String url() {
    return "nats://127.0.0.1:" + port;
  }

  /** A user of the chat. */
  Connection connect() throws IOException, InterruptedException {
    return Nats.connect(
        Options.builder()
            .server(url())
            .userInfo("alice", "test-only")
            .supportUTF8Subjects()
            .inboxPrefix("_UINBOX.alice.")
            .useTimeoutException() // else it looks like a request that nobody hears
            .connectionTimeout(Duration.ofSeconds(20))
            .build());
  }

  void restart() throws IOException {
    stop();
    process = launch();
    awaitReady();
  }

  /** Neither reads nor writes until it goes on. */
  void pause() throws IOException, InterruptedException {
    signal("STOP");
  }

  void goOn() throws IOException, InterruptedException {
    signal("CONT");
  }

  private void signal(String name) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
  }

  @Override
  public void close() throws IOException {
    stop();
    delete(directory);
  }

  private static void delete(Path directory) throws IOException {
    Files.delete(directory.resolve("nats.conf"));
    Files.delete(directory);
  }

  private Process launch() throws IOException {
    return new ProcessBuilder(
            System.getProperty("nats.server"), "-c", directory.resolve("nats.conf").toString())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private void stop() {
    process.destroy();
    try {
      if (!process.waitFor(10, TimeUnit.SECONDS)) { // paused, perhaps
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void awaitReady() {
    Awaitility.await().ignoreExceptions().until(() -> closed(connect()));
  }

  private static boolean closed(Connection connection) throws InterruptedException {
    connection.close();
    return true;
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
