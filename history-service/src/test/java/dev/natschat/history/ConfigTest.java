package dev.natschat.history;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ConfigTest {
  private final Map<String, String> environment =
      new HashMap<>(
          Map.of(
              "NATS_URL", "nats://nats:4222",
              "NATS_USER", "history-service",
              "NATS_PASS", "nats-secret",
              "DATABASE_URL", "jdbc:postgresql://postgres:5432/chat",
              "DATABASE_USER", "history_service",
              "DATABASE_PASSWORD", "database-secret"));

  @Test
  void readsTheEnvironment() {
    environment.put("HEALTH_FILE", "/tmp/ready");
    environment.put("HISTORY_WORKERS", "3");
    assertThat(Config.from(environment))
        .isEqualTo(
            new Config(
                "nats://nats:4222",
                "history-service",
                "nats-secret",
                "jdbc:postgresql://postgres:5432/chat",
                "history_service",
                "database-secret",
                3,
                Path.of("/tmp/ready")));
  }

  @Test
  void everyProblemIsNamedAtOnce() {
    environment.remove("NATS_PASS");
    environment.put("NATS_URL", "http://nats");
    environment.put("DATABASE_URL", "postgres://somewhere");
    environment.put("HISTORY_WORKERS", "many");
    assertThatThrownBy(() -> Config.from(environment))
        .hasMessageContainingAll("NATS_PASS", "NATS_URL", "DATABASE_URL", "HISTORY_WORKERS")
        .hasMessageNotContaining("\n");
  }

  @Test
  void secretsAreNotShown() {
    assertThat(Config.from(environment).toString())
        .doesNotContain("nats-secret", "database-secret");
  }
}
