package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.METRICS;
import static dev.natschat.systemtests.Telemetry.eventually;
import static java.lang.ProcessBuilder.Redirect.DISCARD;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Real faults raise their alerts, and reach whoever is on duty. The faults that take too much away
 * from the other tests are played to the rules by promtool.
 */
class AlertsIT {
  private static final Path CHECKOUT = Path.of(System.getProperty("checkout", ".."));
  private static @Nullable Process load;

  @BeforeAll
  static void aClientDropsSpans() throws IOException {
    ProcessBuilder client =
        new ProcessBuilder("chat-client/run", "load", "--rate=50", "--duration=12")
            .directory(CHECKOUT.toFile())
            .redirectOutput(DISCARD)
            .redirectError(DISCARD);
    client.environment().put("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1");
    client.environment().put("OTEL_BSP_MAX_QUEUE_SIZE", "64");
    client.environment().put("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64");
    client.environment().put("OTEL_METRICS_EXPORTER", "otlp");
    client.environment().put("OTEL_METRIC_EXPORT_INTERVAL", "1000");
    load = client.start(); // ends by itself
  }

  /** Among its messages none of another test's would be stored alone. */
  @AfterAll
  static void theClientHasEnded() throws InterruptedException {
    assertThat(requireNonNull(load).waitFor(2, TimeUnit.MINUTES)).isTrue();
  }

  @BeforeAll
  static void aHundredLoginsAreRefused() throws IOException {
    for (int i = 0; i < 100; i++) {
      assertThat(WireClient.answerTo("no.such.token")).startsWith("-ERR 'Authorization Violation'");
    }
  }

  @Test
  void poisonReachesWhoeverIsOnDutyWithTheWayToItsRunbook() throws Exception {
    Path targets = CHECKOUT.resolve(".run/prometheus/targets/alertmanagers.yaml");
    String configuration =
        BackEnds.prometheus("/api/v1/status/flags", Map.of())
            .path("data")
            .path("config.file")
            .asText();
    assumeTrue(
        configuration.equals("prometheus.yaml"),
        "Prometheus' files are in a container: make test-compose has this test there");
    try (AlertReceiver onDuty = new AlertReceiver(targets);
        Chat alice = Chat.as("alice")) {
      alice.nats.jetStream().publish("chat." + Chat.newRoom(), "no JSON".getBytes(UTF_8));

      JsonNode alert =
          eventually()
              .until(() -> named("PoisonSeen", onDuty.alerts()), found -> !found.isEmpty())
              .get(0);

      assertThat(alert.path("labels").path("severity").asText()).isEqualTo("warning");
      assertThat(alert.path("annotations").path("summary").asText())
          .matches("persist-worker set \\d+ aside as poison in 5 minutes");
      assertThat(CHECKOUT.resolve(alert.path("annotations").path("runbook_url").asText()))
          .isRegularFile();
    }
    assertThat(Files.readString(targets)).endsWith("[]\n");
  }

  @Test
  void refusedLoginsAreASurge() {
    eventually().untilAsserted(() -> assertThat(firing()).contains("LoginsRefused"));
  }

  @Test
  void droppedSpansAreCountedAndSeen() throws Exception {
    eventually().untilAsserted(() -> assertThat(firing()).contains("ServiceDropsTelemetry"));

    assertThat(TelemetryToolIT.run("status"))
        .containsPattern("LOOK +lost or refused +\\d[\\d,]* dropped in services");
  }

  private static Set<String> firing() {
    return METRICS.query("ALERTS{alertstate=\"firing\"}").stream()
        .map(series -> String.valueOf(series.labels().get("alertname")))
        .collect(Collectors.toSet());
  }

  private static List<JsonNode> named(String name, List<JsonNode> alerts) {
    return alerts.stream()
        .filter(alert -> alert.path("labels").path("alertname").asText().equals(name))
        .toList();
  }
}
