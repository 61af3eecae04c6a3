package dev.natschat.agent;

import static org.awaitility.Awaitility.await;

import io.nats.client.Options;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.stream.Stream;

/** A real nats-server with JetStream on a free port; its files are gone when it is closed. */
final class NatsServer implements AutoCloseable {
  private final Path directory;
  private final int port;
  private final Process process;

  private NatsServer(Path directory, int port, Process process) {
    this.directory = directory;
    this.port = port;
    this.process = process;
  }

  static NatsServer start(String... moreConfiguration) throws IOException {
    return startAt(freePort(), moreConfiguration);
  }

  static NatsServer startAt(int port, String... moreConfiguration) throws IOException {
    Path directory = Files.createTempDirectory("nats");
    Path configuration =
        Files.writeString(
            directory.resolve("nats.conf"),
            """
            listen: "127.0.0.1:%d"
            jetstream { store_dir: "%s" }
            %s
            """
                .formatted(port, directory, String.join("\n", moreConfiguration)));
    NatsServer server = new NatsServer(directory, port, launch(directory, configuration));
    await().atMost(Duration.ofSeconds(60)).until(server::answers);
    return server;
  }

  private static Process launch(Path directory, Path configuration) throws IOException {
    try {
      return new ProcessBuilder(System.getProperty("nats.server"), "-c", configuration.toString())
          .redirectErrorStream(true)
          .redirectOutput(directory.resolve("log").toFile())
          .start();
    } catch (IOException thereIsNoServer) {
      delete(directory);
      throw thereIsNoServer;
    }
  }

  String url() {
    return "nats://127.0.0.1:" + port;
  }

  Options.Builder options() {
    return options(url());
  }

  /**
   * With more time than the 2 s in which jnats otherwise gives up, also what it asks of JetStream.
   */
  static Options.Builder options(String url) {
    return Options.builder().server(url).connectionTimeout(Duration.ofSeconds(20));
  }

  int port() {
    return port;
  }

  private boolean answers() {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return socket.getInputStream().read() == 'I'; // INFO
    } catch (IOException notYet) {
      return false;
    }
  }

  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  @Override
  public void close() throws IOException {
    process.destroy();
    await().atMost(Duration.ofSeconds(30)).until(() -> !process.isAlive());
    delete(directory);
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
