package dev.natschat.benchmarks;

import io.nats.client.Connection;
import io.nats.client.ErrorListener;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A nats-server of its own. */
final class Broker implements AutoCloseable {
  private static final Path FROM_TOOLS = Path.of(".tools", "bin", "nats-server");

  static final String TEST_ONLY = "test-only";

  private final Process process;
  private final String url;

  private Broker(Process process, String url) {
    this.process = process;
    this.url = url;
  }

  /** With a file store and without authentication. */
  static Broker start(Path directory) throws IOException, InterruptedException {
    int port = freePort();
    Path configuration =
        Files.writeString(
            directory.resolve("nats.conf"),
            "listen: \"127.0.0.1:%d\"%njetstream { store_dir: \"%s\" }%n"
                .formatted(port, directory.resolve("store")));
    return start(configuration, port, Map.of(), directory);
  }

  /**
   * As nats/nats.conf has it, with new secrets in the directory of that name.
   *
   * @param encrypted whether requests to the callout are
   */
  static Broker startWithCallout(Path directory, boolean encrypted)
      throws IOException, InterruptedException {
    generateSecrets(directory.resolve("secrets"));
    String secrets = Files.readString(directory.resolve("secrets/nats-secrets.conf"));
    String text = Files.readString(Path.of("nats", "nats.conf"));
    if (!encrypted) { // the server refuses a variable that is not used
      secrets = secrets.replaceAll("(?m)^XKEY_PUBLIC_KEY.*$", "");
      text = text.replaceAll("(?m)^ *xkey:.*$", "");
    }
    Files.writeString(directory.resolve("secrets.conf"), secrets);
    copyHops("hops-off", directory);
    Path configuration = Files.writeString(directory.resolve("nats.conf"), text);
    int port = freePort();
    Map<String, String> environment =
        Map.of(
            "NATS_BIND", "127.0.0.1",
            "NATS_PORT", String.valueOf(port),
            "NATS_WEBSOCKET_PORT", "-1",
            "NATS_MONITOR_PORT", "-1",
            "NATS_STORE_DIR", "\"" + directory.resolve("store") + "\"");
    return start(configuration, port, environment, directory);
  }

  /**
   * As nats/nats.conf has it, but without the callout, with "tester" in account CHAT and "hops" in
   * account OBS, who may do all there.
   *
   * @param sampling of how many percent of the traced messages it shows the hops; 0 for off
   */
  static Broker startWithHops(Path directory, int sampling)
      throws IOException, InterruptedException {
    Files.writeString(
        directory.resolve("secrets.conf"),
        Stream.of("AUTH", "PERSIST_WORKER", "HISTORY_SERVICE", "BROKER_OBSERVER")
            .map(user -> user + "_PASSWORD: " + TEST_ONLY)
            .collect(Collectors.joining("\n")));
    Files.writeString(
        directory.resolve("hops-secrets.conf"), "BROKER_OBSERVER_PASSWORD: " + TEST_ONLY);
    Path account =
        copyHops(sampling > 0 ? "hops-on" : "hops-off", directory).resolve("account.conf");
    Files.writeString(
        account,
        Files.readString(account).replaceAll("(?s)(OBS \\{.*?users: \\[\n)", "$1" + user("hops")));
    String text =
        Files.readString(Path.of("nats", "nats.conf"))
            .replaceAll("(?s)\nauthorization \\{.*?\n\\}\n", "\n")
            .replaceAll("(?s)(\n  CHAT \\{.*?users: \\[\n)", "$1" + user("tester"));
    Path configuration = Files.writeString(directory.resolve("nats.conf"), text);
    int port = freePort();
    Map<String, String> environment =
        Map.of(
            "NATS_BIND",
            "127.0.0.1",
            "NATS_PORT",
            String.valueOf(port),
            "NATS_WEBSOCKET_PORT",
            "-1",
            "NATS_MONITOR_PORT",
            "-1",
            "NATS_STORE_DIR",
            "\"" + directory.resolve("store") + "\"",
            "BROKER_HOPS_SAMPLING",
            String.valueOf(sampling));
    return start(configuration, port, environment, directory);
  }

  /** Returns the directory that nats.conf includes the files of. */
  private static Path copyHops(String from, Path directory) throws IOException {
    Path hops = Files.createDirectory(directory.resolve("hops"));
    for (String part : List.of("auth-users.conf", "chat.conf", "account.conf")) {
      Files.copy(Path.of("nats", from, part), hops.resolve(part));
    }
    return hops;
  }

  private static String user(String name) {
    return " { user: " + name + ", password: " + TEST_ONLY + " }\n";
  }

  /** Of a service, where the callout is on. */
  static String password(Path directory, String service) throws IOException {
    return Files.readString(directory.resolve("secrets").resolve("nats-" + service + "-password"));
  }

  private static void generateSecrets(Path directory) throws IOException, InterruptedException {
    int code =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                "auth-service/target/auth-service.jar",
                "dev.natschat.auth.GenerateSecrets",
                directory.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()
            .waitFor();
    if (code != 0) {
      throw new IOException("no secrets were made: code " + code);
    }
  }

  private static Broker start(
      Path configuration, int port, Map<String, String> environment, Path directory)
      throws IOException, InterruptedException {
    String server = System.getenv().getOrDefault("NATS_SERVER", FROM_TOOLS.toString());
    ProcessBuilder builder =
        new ProcessBuilder(server, "-c", configuration.toString())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("nats.log").toFile());
    builder.environment().putAll(environment);
    Broker broker = new Broker(builder.start(), "nats://127.0.0.1:" + port);
    broker.awaitReady();
    return broker;
  }

  String url() {
    return url;
  }

  Connection connect() throws IOException, InterruptedException {
    return Nats.connect(
        Options.builder().server(url).errorListener(new ErrorListener() {}).build());
  }

  Duration cpu() throws IOException {
    return Usage.cpu(process.pid());
  }

  private void awaitReady() throws IOException, InterruptedException {
    while (true) {
      try {
        new WireClient(url).close();
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
