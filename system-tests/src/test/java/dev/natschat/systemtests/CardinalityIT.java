package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.eventually;
import static dev.natschat.systemtests.Telemetry.metric;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What is without number (rooms, users, traces) is no label: each would be a series of its own. */
class CardinalityIT {
  /** All series but those of the telemetry stack about itself. */
  private static final Map<String, String> CHAT =
      Map.of("match[]", "{__name__=~\".+\",job!=\"stack\"}");

  private static final List<String> USERS = List.of("alice", "bob", "charlie");

  @Test
  void lokiHasThreeLabelsAndNoneOfThemIsARoomAUserOrATrace() throws Exception {
    chat();

    List<String> labels = texts(BackEnds.loki("/loki/api/v1/labels", Map.of()).path("data"));

    assertThat(labels)
        .isSubsetOf(
            "service_name", "service_namespace", "deployment_environment_name", "__stream_shard__")
        .contains("service_name");
    for (String label : labels) {
      assertBounded(
          texts(BackEnds.loki("/loki/api/v1/label/" + label + "/values", Map.of()).path("data")));
    }
  }

  @Test
  void noLabelInPrometheusIsARoomAUserOrATrace() throws Exception {
    double before = metric("sum(messages_persisted_total)");
    chat();
    eventually().until(() -> metric("sum(messages_persisted_total)") > before);

    List<String> labels = texts(BackEnds.prometheus("/api/v1/labels", CHAT).path("data"));

    assertThat(labels)
        .contains("service_name", "span_name")
        .doesNotContain(
            "room",
            "user",
            "username",
            "chat_room",
            "trace_id",
            "span_id",
            "messaging_destination_name",
            "service_instance_id");
    for (String label : labels) {
      assertBounded(
          texts(BackEnds.prometheus("/api/v1/label/" + label + "/values", CHAT).path("data")));
    }
  }

  private static void assertBounded(List<String> values) {
    assertThat(values)
        .noneMatch(value -> value.contains("e2e-"))
        .noneMatch(value -> value.matches("[0-9a-f]{16}|[0-9a-f]{32}"))
        .doesNotContainAnyElementsOf(USERS);
  }

  private static void chat() throws Exception {
    String room = Chat.newRoom();
    for (String user : List.of("alice", "bob")) {
      try (Chat chat = Chat.as(user)) {
        chat.say(room, "hello");
        chat.history(room);
      }
    }
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(text -> texts.add(text.asText()));
    return texts;
  }
}
