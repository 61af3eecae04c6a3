package dev.natschat.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** On answers in the shape of prometheus.io/docs/prometheus/latest/querying/api. */
class PrometheusReaderTest {
  private final CannedServer server = new CannedServer();
  private final PrometheusReader prometheus = new PrometheusReader(server.addresses());

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void anInstantQueryGivesItsValue() {
    server.answers(
        "/api/v1/query",
        """
        {"status":"success","data":{"resultType":"vector","result":[
          {"metric":{"__name__":"messages_persisted_total","service_name":"persist-worker"},"value":[1700000000.1,"42"]}]}}
        """);

    assertThat(prometheus.value("messages_persisted_total")).hasValue(42);
    assertThat(prometheus.query("x").get(0).labels())
        .containsEntry("service_name", "persist-worker");
  }

  @Test
  void notANumberIsNoValueAndInfinityIsOne() {
    server.answers("/api/v1/query", result("NaN"));
    assertThat(prometheus.value("x")).isEmpty();
    server.answers("/api/v1/query", result("+Inf"));
    assertThat(prometheus.value("x")).hasValue(Double.POSITIVE_INFINITY);
  }

  @Test
  void aRangeGivesItsPointsInOrder() {
    server.answers(
        "/api/v1/query_range",
        """
        {"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"1.5"],[2,"2.5"]]}]}}""");

    assertThat(prometheus.queryRange("x", Duration.ofMinutes(1), Duration.ofSeconds(5)))
        .containsExactly(
            new PrometheusReader.Series(
                Map.of("a", "b"),
                List.of(new PrometheusReader.Point(1, 1.5), new PrometheusReader.Point(2, 2.5))));
  }

  @Test
  void exemplarsCarryTheirTrace() {
    server.answers(
        "/api/v1/query_exemplars",
        """
        {"status":"success","data":[{"seriesLabels":{"__name__":"auth_request_duration_seconds_bucket"},
          "exemplars":[{"labels":{"trace_id":"a1"},"value":"0.02","timestamp":1700000000.1}]}]}
        """);

    assertThat(prometheus.exemplars("x", Duration.ofMinutes(1)))
        .containsExactly(
            new PrometheusReader.Exemplar(
                Map.of("__name__", "auth_request_duration_seconds_bucket"),
                Map.of("trace_id", "a1"),
                0.02));
  }

  @Test
  void anotherServerInItsPlaceIsSaid() {
    assertThatThrownBy(() -> prometheus.value("x"))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("has no /api/v1/query: is it another server?");
    server.answers("/api/v1/query", "<html>");
    assertThatThrownBy(() -> prometheus.value("x"))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("did not answer with JSON");
  }

  private static String result(String value) {
    return "{\"data\":{\"result\":[{\"metric\":{},\"value\":[1,\"" + value + "\"]}]}}";
  }
}
