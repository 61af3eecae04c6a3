package dev.natschat.chaos;

import io.nats.client.Connection;
import io.nats.client.ErrorListener;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The servers and the two workers, on free ports of 127.0.0.1, with their data in one directory.
 */
final class Rig {
  static final int ACK_WAIT_SECONDS = 2;
  static final int STREAM_MEBIBYTES = 16;

  private static final Path TOOLS = Path.of(".tools");
  private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");
  private static final int LOWEST_PORT = 12_000;
  private static final int LOWEST_CLIENT_PORT = 32_768;
  private static final String SECRET = "chaos-only";
  private static final Duration START = Duration.ofMinutes(3);
  private static final Pattern CALLOUT = Pattern.compile("(?s)\nauthorization \\{.*?\n\\}\n");
  private static final Pattern CHAT_USERS = Pattern.compile("(?s)(\n  CHAT \\{.*?users: \\[\n)");

  private final Path data;
  private final Path logs;
  private final HttpClient http =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build();

  final List<Program> brokers = new ArrayList<>();
  final List<Program> workers = new ArrayList<>();
  final Program postgres;
  final Program collector;
  final @Nullable Program loki;
  final @Nullable Program tempo;
  final SpanSink sink;
  private final Program history;
  private final List<String> natsUrls = new ArrayList<>();
  private final Set<Integer> ports = new HashSet<>(); // that were given away
  private final int postgresPort = freePort();

  /**
   * @param logs where the programs' output is kept
   */
  Rig(Path data, Path logs, int servers) throws IOException {
    this.data = data;
    this.logs = logs;
    int traces = freePort();
    int lokiPort = freePort();
    sink = new SpanSink(traces);
    tempo = tempo(traces);
    loki = loki(lokiPort);
    addBrokers(servers);
    postgres = postgres();
    int otlp = freePort();
    collector = collector(otlp, traces, lokiPort);
    for (int i = 1; i <= 2; i++) {
      workers.add(service("persist-worker", "persist-worker-" + i, worker(), otlp));
    }
    history = service("history-service", "history-service", history(), otlp);
  }

  /** All of them, but for the history service. */
  List<Program> programs() {
    List<Program> all = new ArrayList<>(brokers);
    all.addAll(workers);
    all.addAll(List.of(postgres, collector));
    if (loki != null) {
      all.add(loki);
    }
    if (tempo != null) {
      all.add(tempo);
    }
    return all;
  }

  void start() throws IOException, InterruptedException, SQLException {
    initialise();
    if (tempo == null) {
      sink.open();
    }
    for (Program program : programs()) {
      if (!workers.contains(program)) {
        program.start();
      }
    }
    awaitReady(List.of(postgres));
    try (java.sql.Connection admin = connect("postgres", "postgres");
        Statement statement = admin.createStatement()) {
      statement.execute("CREATE ROLE persist_worker LOGIN PASSWORD '" + SECRET + "'");
      statement.execute("CREATE ROLE history_service LOGIN PASSWORD '" + SECRET + "'");
      statement.execute("CREATE DATABASE chat OWNER persist_worker");
    }
    awaitReady(brokers);
    for (Program worker : workers) {
      worker.start();
    }
    awaitReady(programs());
  }

  /** A cluster is healthy when each server has all of the stream. */
  boolean brokersAreHealthy() throws InterruptedException {
    for (Program broker : brokers) {
      if (!broker.isReady()) {
        return false;
      }
    }
    return true;
  }

  /**
   * @throws IOException naming what is not ready
   */
  void awaitReady(List<Program> programs) throws IOException, InterruptedException {
    Instant deadline = Instant.now().plus(START);
    for (Program program : programs) {
      while (!program.isReady()) {
        if (!program.isAlive() || Instant.now().isAfter(deadline)) {
          throw new IOException(program.name() + " is not ready: see " + logs);
        }
        TimeUnit.MILLISECONDS.sleep(50);
      }
    }
  }

  void startHistory() throws IOException, InterruptedException {
    history.start();
    awaitReady(List.of(history));
  }

  /** As one who may do everything in account CHAT. */
  Connection connectNats() throws IOException, InterruptedException {
    return Nats.connect(
        Options.builder()
            .servers(natsUrls.toArray(String[]::new))
            .userInfo("tester", SECRET)
            .maxReconnects(-1)
            .reconnectWait(Duration.ofMillis(200))
            .pingInterval(Duration.ofSeconds(2))
            .errorListener(new ErrorListener() {}) // they are expected
            .build());
  }

  /** As the superuser. */
  java.sql.Connection connectDatabase() throws SQLException {
    return connect("postgres", "chat");
  }

  private java.sql.Connection connect(String user, String database) throws SQLException {
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + postgresPort + "/" + database + "?connectTimeout=2",
        user,
        SECRET);
  }

  private void addBrokers(int servers) throws IOException {
    Path configuration = Files.createDirectories(data.resolve("nats"));
    Path hops = Files.createDirectories(configuration.resolve("hops"));
    for (String part : List.of("chat.conf", "account.conf")) {
      Files.copy(Path.of("nats", "hops-off", part), hops.resolve(part));
    }
    String withoutCallout =
        CALLOUT.matcher(Files.readString(Path.of("nats", "nats.conf"))).replaceFirst("\n");
    Files.writeString(
        configuration.resolve("nats.conf"),
        CHAT_USERS
            .matcher(withoutCallout)
            .replaceFirst("$1      { user: tester, password: " + SECRET + " }\n"));
    Files.writeString(
        configuration.resolve("secrets.conf"),
        """
        AUTH_PASSWORD: %1$s
        PERSIST_WORKER_PASSWORD: %1$s
        HISTORY_SERVICE_PASSWORD: %1$s
        BROKER_OBSERVER_PASSWORD: %1$s
        """
            .formatted(SECRET));
    Path ofCluster = Files.createDirectories(configuration.resolve("cluster"));
    Path cluster = ofCluster.resolve("nats.conf");
    Files.copy(Path.of("nats", "cluster", "nats.conf"), cluster);
    Files.writeString(ofCluster.resolve("cluster-secret.conf"), "CLUSTER_PASSWORD: " + SECRET);
    List<Integer> routes = IntStream.range(0, servers).mapToObj(i -> freePort()).toList();
    for (int i = 1; i <= servers; i++) {
      int port = freePort();
      int monitor = freePort();
      natsUrls.add("nats://127.0.0.1:" + port);
      Map<String, String> environment = new HashMap<>();
      environment.put("NATS_BIND", "127.0.0.1");
      environment.put("NATS_PORT", String.valueOf(port));
      environment.put("NATS_WEBSOCKET_PORT", String.valueOf(freePort()));
      environment.put("NATS_MONITOR_PORT", String.valueOf(monitor));
      environment.put("NATS_STORE_DIR", "\"" + data.resolve("nats-" + i) + "\"");
      environment.put("NATS_SERVER_NAME", "nats-" + i);
      environment.put("NATS_CLUSTER_PORT", String.valueOf(routes.get(i - 1)));
      for (int route = 1; route <= servers; route++) {
        environment.put(
            "NATS_ROUTE_" + route,
            "\"nats://route:" + SECRET + "@127.0.0.1:" + routes.get(route - 1) + "\"");
      }
      Path file = servers == 1 ? configuration.resolve("nats.conf") : cluster;
      brokers.add(
          program(
              servers == 1 ? "nats-server" : "nats-server-" + i,
              List.of(tool("nats-server"), "--config", file.toString()),
              environment,
              () -> answers("http://127.0.0.1:" + monitor + "/healthz")));
    }
  }

  private Program postgres() {
    List<String> command = new ArrayList<>(unprivileged());
    command.addAll(
        List.of(
            TOOLS.resolve("postgres/bin/postgres").toString(),
            "-D",
            data.resolve("postgres").toString(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "port=" + postgresPort,
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=on",
            "-c",
            "synchronous_commit=on",
            "-c",
            "full_page_writes=on"));
    return program(
        "postgres",
        command,
        Map.of(),
        () -> {
          try (java.sql.Connection connection = connect("postgres", "postgres")) {
            return connection.isValid(2);
          } catch (SQLException e) {
            return false;
          }
        });
  }

  private void initialise() throws IOException, InterruptedException {
    Path password = Files.writeString(data.resolve("postgres-password"), SECRET + "\n");
    List<String> command = new ArrayList<>(unprivileged());
    command.addAll(
        List.of(
            TOOLS.resolve("postgres/bin/initdb").toString(),
            "--pgdata=" + data.resolve("postgres"),
            "--username=postgres",
            "--pwfile=" + password,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--data-checksums"));
    Path log = logs.resolve("initdb.log");
    Process initdb =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    if (initdb.waitFor() != 0) {
      throw new IOException("initdb failed: see " + log);
    }
  }

  /** PostgreSQL refuses root: as in processes/up, a user namespace takes root's powers away. */
  private static List<String> unprivileged() {
    return "root".equals(System.getProperty("user.name"))
        ? List.of("unshare", "--user")
        : List.of();
  }

  private Program collector(int otlp, int traces, int lokiPort) throws IOException {
    int health = freePort();
    Map<String, String> environment = new HashMap<>();
    environment.put("OTELCOL_DATA", data.resolve("otelcol").toString());
    environment.put("OTLP_GRPC_PORT", String.valueOf(otlp));
    environment.put("OTLP_HTTP_PORT", String.valueOf(freePort()));
    environment.put("COLLECTOR_METRICS_PORT", String.valueOf(freePort()));
    environment.put("COLLECTOR_SELF_PORT", String.valueOf(freePort()));
    environment.put("COLLECTOR_HEALTH_PORT", String.valueOf(health));
    environment.put("TEMPO_OTLP_ENDPOINT", "127.0.0.1:" + traces);
    environment.put("LOKI_OTLP_ENDPOINT", "http://127.0.0.1:" + lokiPort + "/otlp");
    List<String> command =
        new ArrayList<>(List.of(tool("otelcol"), "--config", "collector/config.yaml"));
    if (loki == null) {
      String overlay = "service: {pipelines: {logs: {exporters: [otlp_grpc/tempo]}}}\n";
      Path file = Files.writeString(data.resolve("without-loki.yaml"), overlay);
      command.addAll(List.of("--config", file.toString()));
    }
    return program(
        "otelcol", command, environment, () -> answers("http://127.0.0.1:" + health + "/"));
  }

  private @Nullable Program loki(int port) {
    if (!Files.isExecutable(Path.of(tool("loki")))) {
      return null;
    }
    return program(
        "loki",
        List.of(tool("loki"), "-config.file=loki/loki.yaml", "-config.expand-env=true"),
        Map.of(
            "LOKI_DATA",
            data.resolve("loki").toString(),
            "LOKI_PORT",
            String.valueOf(port),
            "LOKI_GRPC_PORT",
            String.valueOf(freePort())),
        () -> answers("http://127.0.0.1:" + port + "/ready"));
  }

  private @Nullable Program tempo(int otlp) {
    if (!Files.isExecutable(Path.of(tool("tempo")))) {
      return null;
    }
    int port = freePort();
    return program(
        "tempo",
        List.of(tool("tempo"), "-config.file=tempo/tempo.yaml", "-config.expand-env=true"),
        Map.of(
            "TEMPO_DATA",
            data.resolve("tempo").toString(),
            "TEMPO_PORT",
            String.valueOf(port),
            "TEMPO_GRPC_PORT",
            String.valueOf(freePort()),
            "TEMPO_OTLP_PORT",
            String.valueOf(otlp)),
        () -> answers("http://127.0.0.1:" + port + "/ready"));
  }

  private Map<String, String> worker() {
    Map<String, String> settings = new HashMap<>();
    settings.put("NATS_USER", "persist-worker");
    settings.put("DATABASE_USER", "persist_worker");
    settings.put("ACK_WAIT_SECONDS", String.valueOf(ACK_WAIT_SECONDS));
    settings.put("STREAM_MAX_BYTES", String.valueOf(STREAM_MEBIBYTES * 1024 * 1024));
    settings.put("STREAM_REPLICAS", String.valueOf(brokers.size()));
    return settings;
  }

  private static Map<String, String> history() {
    Map<String, String> settings = new HashMap<>();
    settings.put("NATS_USER", "history-service");
    settings.put("DATABASE_USER", "history_service");
    return settings;
  }

  /** As processes/run starts it: its jar, under the agent. */
  private Program service(String module, String name, Map<String, String> settings, int otlp) {
    Path health = data.resolve(name + ".health");
    Map<String, String> environment = new HashMap<>(settings);
    environment.put("NATS_URL", String.join(",", natsUrls));
    environment.put("NATS_PASS", SECRET);
    environment.put("DATABASE_URL", "jdbc:postgresql://127.0.0.1:" + postgresPort + "/chat");
    environment.put("DATABASE_PASSWORD", SECRET);
    environment.put("HEALTH_FILE", health.toString());
    environment.put("OTEL_SERVICE_NAME", module);
    environment.put("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=" + name);
    environment.put("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:" + otlp);
    environment.put("OTEL_TRACES_SAMPLER", "always_on");
    List<String> command =
        List.of(
            JAVA.toString(),
            "-Xmx128m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            "-Djava.io.tmpdir=" + data,
            "-javaagent:agent-extension/target/opentelemetry-javaagent.jar",
            "-Dotel.javaagent.extensions=agent-extension/target/agent-extension.jar",
            "-Dotel.javaagent.configuration-file=" + module + "/agent.properties",
            "-jar",
            module + "/target/" + module + ".jar");
    return program(name, command, environment, () -> isFresh(health));
  }

  /** It is written anew twice a second, and stays behind after kill -9. */
  private static boolean isFresh(Path health) throws IOException {
    return Files.exists(health)
        && Files.getLastModifiedTime(health)
            .toInstant()
            .isAfter(Instant.now().minus(Duration.ofSeconds(2)));
  }

  private Program program(
      String name,
      List<String> command,
      Map<String, String> environment,
      Program.Readiness readiness) {
    return new Program(name, command, environment, logs.resolve(name + ".log"), readiness);
  }

  private static String tool(String name) {
    return TOOLS.resolve("bin").resolve(name).toString();
  }

  private boolean answers(String url) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(2)).build();
    return http.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
  }

  /**
   * Below those that the kernel gives to clients: a server that is down for a moment would find its
   * port taken by one of them.
   */
  private int freePort() {
    while (true) {
      int port = ThreadLocalRandom.current().nextInt(LOWEST_PORT, LOWEST_CLIENT_PORT);
      try (ServerSocket socket = new ServerSocket(port)) {
        if (ports.add(port)) {
          return socket.getLocalPort();
        }
      } catch (IOException e) {
        // taken: another
      }
    }
  }

  /** Lets the workers hand back and export what they have. */
  void stopWorkers() throws InterruptedException {
    for (Program worker : workers) {
      worker.stop();
    }
  }

  /** Kills what is still there, whatever its state. */
  void close() throws InterruptedException {
    history.close();
    for (Program program : programs()) {
      program.close();
    }
    sink.close();
  }
}
