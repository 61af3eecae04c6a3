package dev.natschat.telemetry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What make status learns from a real nats-server. */
@Timeout(60)
class StatusIT {
  private static final String CONFIGURATION =
      """
      listen: "127.0.0.1:%d"
      http: "127.0.0.1:%d"
      authorization { users: [
        { user: auth, password: test-only }
        { user: alice, password: test-only }
      ] }
      """;

  private final int port = freePort();
  private final int monitor = freePort();
  private final Process nats;

  StatusIT(@TempDir Path directory) throws IOException {
    Path configuration =
        Files.writeString(directory.resolve("nats.conf"), CONFIGURATION.formatted(port, monitor));
    nats =
        new ProcessBuilder(System.getProperty("nats.server"), "-c", configuration.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
  }

  @AfterEach
  void stop() throws InterruptedException {
    nats.destroy();
    nats.waitFor();
  }

  /** Anybody may call a connection anything, every 45 s, and hide that a service is silent. */
  @Test
  void aUserWhoseConnectionHasTheNameOfAServiceIsNoServiceThatHasJustBegun() throws Exception {
    await()
        .ignoreException(IOException.class)
        .until(
            () -> {
              connect("alice", "whoever").close();
              return true;
            });
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (CannedServer prometheus = new CannedServer();
        Socket alice = connect("alice", "persist-worker");
        Socket auth = connect("auth", "whoever")) {
      assertThat(alice.isConnected() && auth.isConnected()).isTrue();
      prometheus.answers("/api/v1/query_range", "{\"data\":{\"result\":[]}}");
      prometheus.answers("/api/v1/query", "{\"data\":{\"result\":[]}}");
      TelemetryTool.commandLine(
              new Session(
                  prometheus.addresses(URI.create("http://127.0.0.1:" + monitor)),
                  "nats-chat",
                  false,
                  new Terminal(100, false, true),
                  new PrintStream(out, true, UTF_8),
                  System.err))
          .execute("status");
    }

    assertThat(out.toString(UTF_8))
        .containsPattern("LOOK persist-worker +no telemetry")
        .containsPattern("     auth-service +was started a moment ago");
  }

  /** Where no processes run, it is asked whether a Grafana belongs to what does. */
  @Test
  @Timeout(180)
  void aDockerThatHangsIsSaidAndNotWaitedFor(@TempDir Path temp) throws Exception {
    Path docker = Files.writeString(temp.resolve("docker"), "#!/bin/sh\nexec sleep 600\n");
    assertThat(docker.toFile().setExecutable(true)).isTrue();
    ProcessBuilder status =
        new ProcessBuilder(checkoutThatDoesNotRun(temp) + "/telemetry-tool/run", "status")
            .redirectErrorStream(true);
    status.environment().remove("GRAFANA_EXPECTED");
    status.environment().merge("PATH", temp.toString(), (path, first) -> first + ":" + path);
    for (String url :
        new String[] {
          "TEMPO", "ZIPKIN", "LOKI", "PROMETHEUS", "KEYCLOAK", "GRAFANA", "COLLECTOR_HEALTH"
        }) {
      status.environment().put(url + "_URL", "http://127.0.0.1:1");
    }

    Path out = temp.resolve("out");
    Process process = status.redirectOutput(out.toFile()).start();
    try {
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
      assertThat(out)
          .content()
          .startsWith("docker compose ps has not answered for 10 s: Docker hangs\n")
          .contains("DOWN: ");
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }

  /** The system tests run this class, too, while this checkout's own processes run. */
  private static Path checkoutThatDoesNotRun(Path temp) throws IOException {
    Path root = Path.of("..").toRealPath();
    Path tool = Files.createDirectory(temp.resolve("telemetry-tool"));
    Files.createSymbolicLink(tool.resolve("run"), root.resolve("telemetry-tool/run"));
    Files.createSymbolicLink(tool.resolve("target"), root.resolve("telemetry-tool/target"));
    Files.createSymbolicLink(temp.resolve("processes"), root.resolve("processes"));
    return temp;
  }

  /** Returns when NATS has let it in. */
  private Socket connect(String user, String name) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8));
    assertThat(lines.readLine()).startsWith("INFO ");
    socket
        .getOutputStream()
        .write(
            "CONNECT {\"user\":\"%s\",\"pass\":\"test-only\",\"name\":\"%s\",\"verbose\":false}\r\nPING\r\n"
                .formatted(user, name)
                .getBytes(UTF_8));
    assertThat(lines.readLine()).isEqualTo("PONG");
    return socket;
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
