package dev.natschat.observer;

import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Servers that make one system, and connections to them; all are closed together. */
final class NatsServers {
  private static final Duration LONG = Duration.ofSeconds(40);

  private final Path directory;
  private final List<Process> processes = new ArrayList<>();
  private final List<Connection> connections = new ArrayList<>();

  NatsServers(Path directory) {
    this.directory = directory;
  }

  void launch(String name, String configuration) throws IOException {
    Path file = Files.writeString(directory.resolve(name + ".conf"), configuration);
    processes.add(
        new ProcessBuilder(System.getProperty("nats.server"), "-c", file.toString())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve(name + ".log").toFile())
            .start());
  }

  /** Waits until the server is there, and stays with it. */
  Connection connect(String url, String user) {
    Options options =
        Options.builder()
            .server(url)
            .userInfo(user, "test-only")
            .connectionTimeout(Duration.ofSeconds(20))
            .ignoreDiscoveredServers()
            .build();
    Connection connection =
        await().atMost(LONG).ignoreExceptions().until(() -> Nats.connect(options), c -> c != null);
    connections.add(connection);
    return connection;
  }

  void close() throws InterruptedException {
    for (Connection connection : connections) {
      connection.close();
    }
    processes.forEach(Process::destroy);
    processes.forEach(process -> process.onExit().join());
  }
}
