package dev.natschat.persist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ConfigTest {
  private final Map<String, String> environment =
      new HashMap<>(
          Map.of(
              "NATS_URL", "nats://nats:4222",
              "NATS_USER", "persist-worker",
              "NATS_PASS", "secret-1",
              "DATABASE_URL", "jdbc:postgresql://postgres:5432/chat",
              "DATABASE_USER", "persist_worker",
              "DATABASE_PASSWORD", "secret-2"));

  @Test
  void restHasDefaults() {
    Config config = Config.from(environment);
    assertThat(config.streamMaxBytes()).isEqualTo(1024L * 1024 * 1024);
    assertThat(config.streamReplicas()).isEqualTo(1);
    assertThat(config.ackWait()).isEqualTo(Duration.ofSeconds(30));
    assertThat(config.healthFile()).isNull();
  }

  @Test
  void everyProblemIsSaidAtOnce() {
    environment.put("NATS_URL", "somewhere");
    environment.remove("NATS_PASS");
    environment.put("DATABASE_URL", "postgres://postgres/chat");
    environment.put("STREAM_MAX_BYTES", "1 GB");
    environment.put("STREAM_REPLICAS", "2");
    environment.put("ACK_WAIT_SECONDS", "0");
    assertThatThrownBy(() -> Config.from(environment))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(
            "NATS_URL is malformed",
            "NATS_PASS is missing",
            "DATABASE_URL is malformed",
            "STREAM_MAX_BYTES is malformed",
            "STREAM_REPLICAS is malformed",
            "ACK_WAIT_SECONDS is malformed");
  }

  @Test
  void anAckWaitThatNoBrokerTakesIsAProblem() {
    environment.put("ACK_WAIT_SECONDS", "99999999999");
    assertThatThrownBy(() -> Config.from(environment))
        .hasMessage("ACK_WAIT_SECONDS is malformed: expected a number from 1 to 86400");
  }

  @Test
  void secretsAreNotShown() {
    assertThat(Config.from(environment).toString()).doesNotContain("secret");
  }
}
