package dev.natschat.benchmarks;

import io.nats.client.Connection;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A nats-server with a file store and without authentication. */
final class Broker implements AutoCloseable {
  private static final Path FROM_TOOLS = Path.of(".tools", "bin", "nats-server");

  private final Process process;
  private final String url;

  private Broker(Process process, String url) {
    this.process = process;
    this.url = url;
  }

  static Broker start(Path directory) throws IOException, InterruptedException {
    int port = freePort();
    Path configuration =
        Files.writeString(
            directory.resolve("nats.conf"),
            "listen: \"127.0.0.1:%d\"%njetstream { store_dir: \"%s\" }%n"
                .formatted(port, directory.resolve("store")));
    String server = System.getenv().getOrDefault("NATS_SERVER", FROM_TOOLS.toString());
    Process process =
        new ProcessBuilder(server, "-c", configuration.toString())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("nats.log").toFile())
            .start();
    Broker broker = new Broker(process, "nats://127.0.0.1:" + port);
    broker.awaitReady();
    return broker;
  }

  String url() {
    return url;
  }

  Connection connect() throws IOException, InterruptedException {
    return Nats.connect(Options.builder().server(url).build());
  }

  Duration cpu() throws IOException {
    return Usage.cpu(process.pid());
  }

  private void awaitReady() throws IOException, InterruptedException {
    while (true) {
      try {
        connect().close();
        return;
      } catch (IOException e) {
        if (!process.isAlive()) {
          throw new IOException("nats-server ended with " + process.exitValue(), e);
        }
        TimeUnit.MILLISECONDS.sleep(50);
      }
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  @Override
  public void close() {
    process.destroy();
    process.onExit().join();
  }
}
