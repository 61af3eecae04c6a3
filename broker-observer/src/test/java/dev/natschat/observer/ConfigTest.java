package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ConfigTest {
  private final Map<String, String> environment =
      new HashMap<>(
          Map.of(
              "NATS_URL", "nats://nats:4222",
              "NATS_USER", "broker-observer",
              "NATS_PASS", "nats-secret"));

  @Test
  void readsTheEnvironment() {
    environment.put("HEALTH_FILE", "/tmp/ready");
    environment.put("POLL_INTERVAL_SECONDS", "3");
    environment.put("BROKER_HOPS", "on");
    environment.put("NATS_LOG_FILES", "nats-1=/log/1, nats-2=/log/2");
    assertThat(Config.from(environment))
        .isEqualTo(
            new Config(
                "nats://nats:4222",
                "broker-observer",
                "nats-secret",
                Duration.ofSeconds(3),
                true,
                Map.of("nats-1", Path.of("/log/1"), "nats-2", Path.of("/log/2")),
                Path.of("/tmp/ready")));
  }

  @Test
  void asksTwiceAnExportUnlessToldOtherwise() {
    assertThat(Config.from(environment).pollInterval()).isEqualTo(Duration.ofSeconds(5));
  }

  @Test
  void hopsAreOffUnlessTheyAreOn() {
    assertThat(Config.from(environment).hops()).isFalse();
    environment.put("BROKER_HOPS", "off");
    assertThat(Config.from(environment).hops()).isFalse();
  }

  @Test
  void everyProblemIsNamedAtOnce() {
    environment.put("BROKER_HOPS", "yes");
    environment.remove("NATS_PASS");
    environment.put("NATS_URL", "http://nats");
    environment.remove("NATS_USER");
    environment.put("POLL_INTERVAL_SECONDS", "0");
    environment.put("NATS_LOG_FILES", "/log/1");
    assertThatThrownBy(() -> Config.from(environment))
        .hasMessageContainingAll(
            "NATS_PASS",
            "NATS_URL",
            "NATS_USER",
            "POLL_INTERVAL_SECONDS",
            "BROKER_HOPS",
            "NATS_LOG_FILES")
        .hasMessageNotContaining("\n");
  }

  @Test
  void secretsAreNotShown() {
    assertThat(Config.from(environment).toString()).doesNotContain("nats-secret");
  }
}
