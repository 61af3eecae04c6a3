package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.edges;
import static dev.natschat.systemtests.Telemetry.eventually;
import static dev.natschat.systemtests.Telemetry.has;
import static dev.natschat.systemtests.Telemetry.traceOf;
import static org.assertj.core.api.Assertions.assertThat;

import dev.natschat.telemetry.Span;
import dev.natschat.telemetry.Trace;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A question for a room's history is one trace through history-service and the database. */
class HistoryTraceIT {
  @Test
  void aRequestIsOneTraceFromTheAskerToTheReply() throws Exception {
    String room = Chat.newRoom();
    try (Chat bob = Chat.as("bob")) {
      bob.say(room, "one");
      bob.say(room, "two");
      eventually().until(() -> Table.rows(room) == 2);
      assertThat(bob.history(room)).containsExactly("one", "two");
    }

    Trace trace =
        traceOf(
            "chat.history." + room,
            t ->
                has(t, "history-service", "process chat.history.*")
                    && has(t, "system-tests", "request chat.history.*"));

    assertThat(edges(trace))
        .containsExactlyInAnyOrder(
            "- > system-tests client request chat.history.*",
            "system-tests client request chat.history.* > history-service server process chat.history.*",
            "history-service server process chat.history.* > history-service client select messages",
            "history-service server process chat.history.* > history-service producer publish (temporary)");
    assertThat(trace.spans()).noneMatch(Span::error);
    assertThat(trace.named("process chat.history.*").get(0).attributes())
        .containsEntry("messaging.consumer.group.name", "history-service");
  }

  @Test
  void anUnknownRoomIsAnEmptyListWithoutError() throws Exception {
    try (Chat alice = Chat.as("alice")) {
      var answer = alice.historyAnswer(Chat.newRoom());

      assertThat(answer.getData()).asString().isEqualTo("[]");
      assertThat(
              answer.getHeaders() == null || answer.getHeaders().get("Nats-Service-Error") == null)
          .isTrue();
    }
  }

  @Test
  void onlyTheLastFiftyComeOldestFirst() throws Exception {
    String room = Chat.newRoom();
    try (Chat alice = Chat.as("alice")) {
      for (int i = 1; i <= 60; i++) {
        alice.say(room, "message " + i);
      }
      eventually().until(() -> Table.rows(room) == 60);

      List<String> texts = alice.history(room);

      assertThat(texts).hasSize(50).startsWith("message 11").endsWith("message 60");
    }
  }
}
