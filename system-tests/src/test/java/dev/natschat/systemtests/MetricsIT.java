package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.METRICS;
import static dev.natschat.systemtests.Telemetry.RECENT;
import static dev.natschat.systemtests.Telemetry.TRACES;
import static dev.natschat.systemtests.Telemetry.eventually;
import static dev.natschat.systemtests.Telemetry.metric;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.natschat.telemetry.PrometheusReader.Exemplar;
import io.nats.client.AuthenticationException;
import io.nats.client.Nats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Each metric of the design is in Prometheus under its exact name, and moves when what it counts
 * happens.
 */
class MetricsIT {
  private static final List<String> MOVING =
      List.of(
          "sum(messages_persisted_total{service_name=\"persist-worker\"})",
          "sum(messages_persist_errors_total{service_name=\"persist-worker\",error_type=\"not_a_json_object\"})",
          "sum(history_requests_total{service_name=\"history-service\"})",
          "sum(history_request_duration_seconds_count{service_name=\"history-service\"})",
          "sum(history_request_duration_seconds_sum{service_name=\"history-service\"})",
          "sum(history_request_duration_seconds_bucket{service_name=\"history-service\",le=\"5.0\"})",
          "sum(auth_requests_total{service_name=\"auth-service\",result=\"authorized\"})",
          "sum(auth_requests_total{service_name=\"auth-service\",result=\"rejected\"})",
          "sum(auth_request_duration_seconds_count{service_name=\"auth-service\"})",
          "sum(auth_request_duration_seconds_sum{service_name=\"auth-service\"})",
          "sum(auth_request_duration_seconds_bucket{service_name=\"auth-service\",le=\"5.0\"})",
          "sum(traces_spanmetrics_calls_total{service=\"persist-worker\",span_name=\"process chat.*\"})",
          "sum(traces_spanmetrics_latency_count{service=\"persist-worker\",span_name=\"process chat.*\"})");

  private static final Map<String, Double> before = new LinkedHashMap<>();

  @BeforeAll
  static void somethingHappensOfEachKind() throws Exception {
    MOVING.forEach(expression -> before.put(expression, metric(expression)));
    String room = Chat.newRoom();
    try (Chat alice = Chat.as("alice")) {
      alice.say(room, "hello");
      alice.nats.jetStream().publish("chat." + room, "no JSON".getBytes(UTF_8));
      alice.history(room);
    }
    assertThatThrownBy(() -> Nats.connect(Chat.options("no.such.token", "alice").build()))
        .isInstanceOf(AuthenticationException.class);
  }

  @Test
  void eachMoves() {
    eventually()
        .untilAsserted(
            () ->
                assertThat(MOVING.stream().filter(e -> metric(e) <= before.getOrDefault(e, 0.0)))
                    .as("did not move")
                    .isEmpty());
  }

  @ParameterizedTest
  @ValueSource(strings = {"auth-service", "persist-worker", "history-service", "broker-observer"})
  void theJvmOfEachServiceIsMeasured(String service) {
    eventually()
        .untilAsserted(
            () ->
                assertThat(metric("sum(jvm_memory_used_bytes{service_name=\"" + service + "\"})"))
                    .isPositive());
  }

  @ParameterizedTest
  @ValueSource(strings = {"persist-worker", "history-service"})
  void theConnectionsToTheDatabaseAreMeasured(String service) {
    eventually()
        .untilAsserted(
            () ->
                assertThat(
                        METRICS.query(
                            "{__name__=~\"db_client_.+\",service_name=\"" + service + "\"}"))
                    .isNotEmpty());
  }

  @Test
  void theKeysOfKeycloakAreCounted() {
    eventually()
        .untilAsserted(
            () -> assertThat(metric("sum(auth_keys{service_name=\"auth-service\"})")).isPositive());
  }

  @Test
  void countersStartAtZeroSoThatTheirFirstMoveShows() {
    eventually()
        .untilAsserted(
            () -> {
              assertThat(METRICS.query("auth_requests_total{result=\"error\"}")).isNotEmpty();
              assertThat(
                      METRICS.query(
                          "messages_persist_errors_total{error_type=\"database_unavailable\"}"))
                  .isNotEmpty();
            });
  }

  @Test
  void noNameHasADoubledSuffix() {
    List<String> names =
        eventually()
            .until(
                MetricsIT::names,
                found ->
                    found.containsAll(
                        List.of(
                            "messages_persisted_total", "auth_request_duration_seconds_count")));

    assertThat(
            names.stream()
                .filter(name -> name.matches(".*_(total|seconds|bytes|ratio)_(.*_)?\\1(_.*)?")))
        .isEmpty();
  }

  private static List<String> names() {
    return METRICS.query("group by (__name__) ({service_name!=\"\"})").stream()
        .map(series -> String.valueOf(series.labels().get("__name__")))
        .toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"history_request_duration_seconds", "auth_request_duration_seconds"})
  void bucketsGoFromAMillisecondToFiveSeconds(String histogram) {
    eventually()
        .untilAsserted(
            () ->
                assertThat(METRICS.query("count by (le) (" + histogram + "_bucket)"))
                    .extracting(series -> series.labels().get("le"))
                    .contains(
                        "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
                        "1.0", "2.5", "5.0"));
  }

  @Test
  void noRoomAndNoUserIsALabel() {
    String ours = "{__name__=~\"(messages|history|auth)_.+\"}";
    eventually().until(() -> !METRICS.query(ours).isEmpty());
    assertThat(METRICS.query(ours))
        .isNotEmpty()
        .allSatisfy(
            series -> {
              assertThat(series.labels())
                  .doesNotContainKeys("room", "user", "username", "chat_room");
              assertThat(series.labels().values())
                  .noneMatch(value -> value.contains("e2e-") || value.equals("alice"));
            });
    assertThat(
            METRICS.query(
                "{__name__=~\"traces_spanmetrics_.+\",service!=\"system-tests\",span_name=~\".*e2e-.*\"}"))
        .isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"history_request_duration_seconds_bucket", "auth_request_duration_seconds_bucket"})
  void anExemplarLeadsToItsTrace(String histogram) {
    eventually()
        .untilAsserted(
            () -> {
              List<Exemplar> exemplars = METRICS.exemplars(histogram, RECENT);
              assertThat(exemplars).isNotEmpty();
              Exemplar newest = exemplars.get(exemplars.size() - 1);
              assertThat(newest.labels()).containsKeys("trace_id", "span_id");
              assertThat(TRACES.trace(String.valueOf(newest.labels().get("trace_id")))).isPresent();
            });
  }
}
