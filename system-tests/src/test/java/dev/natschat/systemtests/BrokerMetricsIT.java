package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.METRICS;
import static dev.natschat.systemtests.Telemetry.eventually;
import static dev.natschat.systemtests.Telemetry.metric;
import static org.assertj.core.api.Assertions.assertThat;

import io.nats.client.api.PublishAck;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What the broker knows of itself is in Prometheus, under the documented names, and moves. */
class BrokerMetricsIT {
  private static final Pattern NAME = Pattern.compile("`(nats_[a-z_]+)`");
  private static final String STREAM = "{stream=\"CHAT_MESSAGES\",account=\"CHAT\"}";
  private static final String CONSUMER =
      "{consumer=\"persist-worker\",stream=\"CHAT_MESSAGES\",account=\"CHAT\"}";

  /** No series where there is no limit: the stream's in messages. */
  private static final List<String> NOT_IN_THIS_SYSTEM = List.of("nats_stream_messages_limit");

  @Test
  void aMessageIsSeenInTheStreamAtItsConsumerAndInItsAccount() throws Exception {
    String received = "nats_account_messages_received_total{account=\"CHAT\"}";
    String deliveries = "nats_consumer_deliveries_total" + CONSUMER;
    eventually().until(() -> !METRICS.query(deliveries).isEmpty());
    double receivedBefore = metric(received);
    double deliveriesBefore = metric(deliveries);
    double messagesBefore = metric("nats_stream_messages" + STREAM);
    double bytesBefore = metric("nats_stream_bytes" + STREAM);

    PublishAck ack;
    try (Chat alice = Chat.as("alice")) {
      ack = alice.say(Chat.newRoom(), "hello");
    }

    eventually()
        .untilAsserted(
            () -> {
              assertThat(metric("nats_stream_sequence_last" + STREAM))
                  .isGreaterThanOrEqualTo((double) ack.getSeqno());
              assertThat(metric("nats_stream_messages" + STREAM)).isGreaterThan(messagesBefore);
              assertThat(metric("nats_stream_bytes" + STREAM)).isGreaterThan(bytesBefore);
              assertThat(metric(received)).isGreaterThan(receivedBefore);
              assertThat(metric(deliveries)).isGreaterThan(deliveriesBefore);
            });
  }

  @Test
  void theStreamsLimitAndTheConsumersWaitingPullAreThere() {
    eventually()
        .untilAsserted(
            () -> {
              assertThat(metric("nats_stream_bytes_limit" + STREAM)).isEqualTo(1 << 30);
              assertThat(metric("nats_stream_leaders" + STREAM)).isEqualTo(1);
              assertThat(metric("nats_consumer_waiting" + CONSUMER)).isPositive();
              assertThat(metric("nats_servers")).isEqualTo(1);
              assertThat(metric("nats_server_up{server=\"nats-chat\"}")).isEqualTo(1);
            });
  }

  @Test
  void everyDocumentedNameIsThereAndNoOther() throws IOException {
    TreeSet<String> documented = new TreeSet<>();
    NAME.matcher(
            Files.readString(
                Path.of(System.getProperty("checkout"), "broker-observer", "README.md")))
        .results()
        .forEach(match -> documented.add(match.group(1)));
    documented.removeAll(NOT_IN_THIS_SYSTEM);
    if (!"on".equals(System.getenv("BROKER_HOPS"))) {
      documented.removeIf(name -> name.startsWith("nats_hops_"));
      documented.remove("nats_account_jetstream_memory_limit_bytes"); // only account OBS has one
    }

    eventually()
        .untilAsserted(
            () ->
                assertThat(
                        METRICS.query(
                            "group by (__name__) ({__name__=~\"nats_.+\",service_name=\"broker-observer\"})"))
                    .extracting(series -> series.labels().get("__name__"))
                    .containsExactlyInAnyOrderElementsOf(documented));
  }
}
