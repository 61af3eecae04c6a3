package dev.natschat.auth;

import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/** auth-service as main runs it, on a thread; a signal is an interrupt. */
final class RunningService implements AutoCloseable {
  private final Path healthFile;
  private final AtomicBoolean stopping = new AtomicBoolean();
  private final Thread thread;

  /** Starts it and does not wait. */
  RunningService(NatsServer nats, Realm realm, Path healthFile, Map<String, String> more) {
    this.healthFile = healthFile;
    Config config = Config.from(environment(nats, realm, healthFile, more));
    thread = new Thread(() -> run(config), "auth-service");
    thread.start();
  }

  static Map<String, String> environment(
      NatsServer nats, Realm realm, Path healthFile, Map<String, String> more) {
    Map<String, String> environment = new HashMap<>();
    environment.put("NATS_URL", nats.url());
    environment.put("NATS_USER", "auth");
    environment.put("NATS_PASS_FILE", nats.secretFile("nats-auth-password").toString());
    environment.put("KEYCLOAK_URL", realm.url());
    environment.put("KEYCLOAK_REALM", Realm.NAME);
    environment.put("ISSUER_NKEY_SEED_FILE", nats.secretFile("issuer-nkey-seed").toString());
    environment.put("XKEY_SEED_FILE", nats.secretFile("xkey-seed").toString());
    environment.put("HEALTH_FILE", healthFile.toString());
    environment.putAll(more);
    return environment;
  }

  static RunningService ready(NatsServer nats, Realm realm, Path healthFile) {
    return new RunningService(nats, realm, healthFile, Map.of()).awaitReady();
  }

  private void run(Config config) {
    try {
      AuthService.run(config, WarmUp.start(), stopping::get);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  RunningService awaitReady() {
    await("ready").atMost(Duration.ofSeconds(30)).until(this::isReady);
    return this;
  }

  boolean isReady() {
    return Files.exists(healthFile);
  }

  @Override
  public void close() {
    stopping.set(true);
    thread.interrupt();
    await("stopped").atMost(Duration.ofSeconds(30)).until(() -> !thread.isAlive());
  }
}
