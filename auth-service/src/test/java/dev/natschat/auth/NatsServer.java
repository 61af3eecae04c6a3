package dev.natschat.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A real nats-server with the repository's nats.conf and new secrets, on free ports. */
final class NatsServer implements AutoCloseable {
  private static final Path CONFIGURATION = Path.of("..", "nats", "nats.conf");

  private final Path directory;
  private String port = "-1";
  private Process process;
  private JsonNode ports;

  NatsServer(Path directory) throws IOException {
    this(directory, Files.readString(CONFIGURATION), "off");
  }

  /** Whose messages are all traced by the broker. */
  static NatsServer withHops(Path directory) throws IOException {
    return new NatsServer(directory, Files.readString(CONFIGURATION), "on");
  }

  private NatsServer(Path directory, String configuration, String hops) throws IOException {
    this.directory = directory;
    GenerateSecrets.into(directory.resolve("secrets"));
    Files.writeString(directory.resolve("nats.conf"), configuration);
    for (String secrets : List.of("secrets.conf", "hops-secrets.conf")) {
      Files.copy(directory.resolve("secrets/nats-" + secrets), directory.resolve(secrets));
    }
    Path parts = Files.createDirectory(directory.resolve("hops"));
    for (String part : List.of("auth-users.conf", "chat.conf", "account.conf")) {
      Files.copy(CONFIGURATION.resolveSibling("hops-" + hops).resolve(part), parts.resolve(part));
    }
    process = start();
    ports = awaitPorts();
  }

  /** With new secrets, too, but everybody may do everything. */
  static NatsServer open(Path directory) throws IOException {
    return new NatsServer(directory, "host: $NATS_BIND\nport: $NATS_PORT\n", "off");
  }

  private Process start() throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
                System.getProperty("nats.server", "nats-server"),
                "-c",
                directory.resolve("nats.conf").toString(),
                "--ports_file_dir",
                directory.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()));
    builder
        .environment()
        .putAll(
            Map.of(
                "NATS_BIND", "127.0.0.1",
                "NATS_PORT", port,
                "NATS_WEBSOCKET_PORT", "-1",
                "NATS_MONITOR_PORT", "-1",
                "BROKER_HOPS_SAMPLING", "100",
                "NATS_STORE_DIR", directory.resolve("store").toString()));
    return builder.start();
  }

  private JsonNode awaitPorts() {
    JsonNode found =
        await("nats-server, see " + log())
            .atMost(Duration.ofSeconds(20))
            .ignoreExceptions()
            .until(this::readPorts, json -> json.has("nats"));
    String url = found.get("nats").get(0).asText();
    port = url.substring(url.lastIndexOf(':') + 1);
    return found;
  }

  private JsonNode readPorts() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      List<Path> found = files.filter(file -> file.toString().endsWith(".ports")).toList();
      return NatsJwt.JSON.readTree(found.get(0).toFile());
    }
  }

  /** Stops it, so that it can be started again on the same port. */
  void stop() {
    process.destroy();
    process.onExit().orTimeout(20, TimeUnit.SECONDS).join();
  }

  /** The one of auth-service, as the server knows it from its next start on. */
  void changePassword() throws IOException {
    Path secrets = directory.resolve("secrets.conf");
    String password = secret("nats-auth-password").strip();
    assertThat(Files.readString(secrets)).contains(password);
    Files.writeString(secrets, Files.readString(secrets).replace(password, "another"));
  }

  void startAgain() throws IOException {
    process = start();
    ports = awaitPorts();
  }

  String url() {
    return ports.get("nats").get(0).asText();
  }

  String webSocketUrl() {
    return ports.get("websocket").get(0).asText();
  }

  String monitoringUrl() {
    return ports.get("monitoring").get(0).asText();
  }

  String secret(String name) throws IOException {
    return Files.readString(directory.resolve("secrets").resolve(name));
  }

  Path secretFile(String name) {
    return directory.resolve("secrets").resolve(name);
  }

  /** What it wrote until now. */
  String output() throws IOException {
    return Files.readString(log());
  }

  private Path log() {
    return directory.resolve("nats-server.log");
  }

  @Override
  public void close() {
    stop();
  }
}
