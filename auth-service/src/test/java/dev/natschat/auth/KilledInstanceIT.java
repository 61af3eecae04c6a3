package dev.natschat.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Instances that go: killed as by kill -9, or refused by NATS. */
@SuppressWarnings("try") // the service
class KilledInstanceIT {
  private static final int CLIENTS = 300;

  /** A JVM may take that long to start. */
  private static final Duration LONG = Duration.ofSeconds(60);

  @Test
  void inAStormOfConnectsNobodyWaitsLongerThanATimeoutAndARetry(@TempDir Path temp)
      throws Exception {
    try (NatsServer nats = new NatsServer(temp);
        Realm realm = new Realm();
        RunningService stays = RunningService.ready(nats, realm, temp.resolve("health"))) {
      Process goes = startProcess(nats, realm, temp);
      List<String> tokens = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        tokens.add(realm.token("user-" + i, "user"));
      }
      List<RawClient> storm = new ArrayList<>();
      try {
        for (int i = 0; i < CLIENTS; i++) {
          if (i == CLIENTS / 2) {
            goes.destroyForcibly();
          }
          storm.add(new RawClient(nats.url()).connect(tokens.get(i)));
        }
        goes.onExit().join();
        List<String> retries = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
          if (!answer(storm.get(i)).equals(RawClient.LET_IN)) {
            retries.add(tokens.get(i));
          }
        }
        // What the killed instance had taken is lost; the broker asks the other one for the rest.
        assertThat(retries).hasSizeLessThan(CLIENTS / 2);
        for (String token : retries) {
          try (RawClient again = new RawClient(nats.url()).connect(token)) {
            assertThat(again.answer()).isEqualTo(RawClient.LET_IN);
          }
        }
      } finally {
        goes.destroyForcibly().onExit().join();
        for (RawClient client : storm) {
          client.close();
        }
      }
    }
  }

  /** jnats tries no more then: else nobody could log in, and nobody would know why. */
  @Test
  void anInstanceThatNatsRefusesEnds(@TempDir Path temp) throws Exception {
    try (NatsServer nats = new NatsServer(temp);
        Realm realm = new Realm()) {
      Process service = startProcess(nats, realm, temp);
      try (RawClient client = new RawClient(nats.url()).connect(realm.token("alice", "user"))) {
        assertThat(client.answer()).isEqualTo(RawClient.LET_IN); // so its workers have threads
        nats.stop();
        nats.changePassword();
        nats.startAgain();
        assertThat(service.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(service.exitValue()).isOne();
        assertThat(temp.resolve("process.log")).content().contains("NATS refuses us");
        assertThat(health(temp)).doesNotExist();
      } finally {
        service.destroyForcibly().onExit().join();
      }
    }
  }

  @Test
  void anInstanceThatNatsRefusesWhileItWaitsForKeycloakEnds(@TempDir Path temp) throws Exception {
    try (NatsServer nats = new NatsServer(temp);
        Realm realm = new Realm()) {
      String nobody = "http://127.0.0.1:1";
      Process service = launch(nats, realm, temp, Map.of("KEYCLOAK_URL", nobody));
      try {
        Path log = temp.resolve("process.log");
        await("connected")
            .atMost(LONG)
            .until(() -> Files.readString(log).contains("Connected to NATS"));
        nats.stop();
        nats.changePassword();
        nats.startAgain();
        assertThat(service.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(service.exitValue()).isOne();
        assertThat(log).content().contains("NATS refuses us").doesNotContain("ready");
      } finally {
        service.destroyForcibly().onExit().join();
      }
    }
  }

  /** jnats takes an interrupt for a failure to connect, and tells nobody. */
  @Test
  void anInstanceThatIsStoppedWhileItConnectsStops(@TempDir Path temp) throws Exception {
    try (NatsServer nats = new NatsServer(temp);
        Realm realm = new Realm();
        ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      String url = "nats://127.0.0.1:" + silent.getLocalPort();
      Process service = launch(nats, realm, temp, Map.of("NATS_URL", url));
      try (Socket waitsForAnswer = silent.accept()) {
        service.destroy();
        assertThat(service.waitFor(60, TimeUnit.SECONDS)).isTrue();
        // Else the hook has waited in vain, and the JVM ended under a service that still ran.
        assertThat(temp.resolve("process.log")).content().contains("Stopped");
      } finally {
        service.destroyForcibly().onExit().join();
      }
    }
  }

  private static String answer(RawClient client) throws IOException {
    try {
      return client.answer();
    } catch (SocketTimeoutException e) {
      return "nothing";
    }
  }

  private static Process startProcess(NatsServer nats, Realm realm, Path temp) throws IOException {
    Process process = launch(nats, realm, temp, Map.of());
    await("ready").atMost(LONG).until(() -> Files.exists(health(temp)));
    return process;
  }

  private static Process launch(NatsServer nats, Realm realm, Path temp, Map<String, String> more)
      throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                AuthService.class.getName())
            .redirectErrorStream(true)
            .redirectOutput(temp.resolve("process.log").toFile());
    builder.environment().putAll(RunningService.environment(nats, realm, health(temp), more));
    return builder.start();
  }

  private static Path health(Path temp) {
    return temp.resolve("health-of-process");
  }
}
