package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.edges;
import static dev.natschat.systemtests.Telemetry.eventually;
import static dev.natschat.systemtests.Telemetry.has;
import static dev.natschat.systemtests.Telemetry.traceOf;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.natschat.telemetry.Span;
import dev.natschat.telemetry.Trace;
import io.nats.client.Message;
import io.nats.client.Subscription;
import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** What the broker did with a message is part of the message's trace, or nowhere when it is off. */
class BrokerHopsIT {
  private static final boolean ON = "on".equals(System.getenv("BROKER_HOPS"));

  /** As the store has it, once it has all of that. */
  private static Trace whole(Trace trace, Predicate<Trace> complete) {
    return eventually().until(() -> Telemetry.wholeTrace(trace.id()).orElse(trace), complete);
  }

  @Test
  void aMessageIsSeenToPassTheBroker() throws Exception {
    String room = Chat.newRoom();
    try (Chat alice = Chat.as("alice");
        Chat bob = Chat.as("bob")) {
      Subscription reader = bob.nats.subscribe("chat." + room);
      bob.nats.flush(Duration.ofSeconds(10));
      alice.say(room, "hello");
      Message heard = reader.nextMessage(Duration.ofSeconds(10));
      assertThat(heard).isNotNull();
    }
    Trace trace = traceOf("chat." + room, t -> has(t, "persist-worker", "settle chat.*"));
    if (!ON) {
      assertNoTraceOfHops(trace);
      return;
    }

    trace =
        whole(
            trace,
            t ->
                has(t, "system-tests", "publish chat.*")
                    && has(t, "persist-worker", "process chat.*")
                    && has(t, "nats-server", "ingress client")
                    && has(t, "nats-server", "egress client")
                    && has(t, "nats-server", "store CHAT_MESSAGES"));

    assertThat(edges(trace))
        .contains(
            "- > system-tests producer publish chat.*",
            "system-tests producer publish chat.* > nats-server consumer ingress client",
            "nats-server consumer ingress client > nats-server producer egress client",
            "nats-server consumer ingress client > nats-server internal store chat_messages",
            "system-tests producer publish chat.* > persist-worker consumer process chat.*")
        .filteredOn(edge -> edge.contains("> nats-server"))
        .hasSize(3);
    assertThat(trace.spans()).noneMatch(Span::error);
    assertThat(trace.orphans()).isEmpty();
    Span ingress = trace.named("ingress client").get(0);
    assertThat(ingress.attributes())
        .containsEntry("messaging.system", "nats")
        .containsEntry("messaging.destination.name", "chat." + room)
        .containsEntry("messaging.nats.account", "CHAT")
        .containsEntry("messaging.nats.server.name", "nats-chat")
        .containsEntry("service.instance.id", "nats-chat")
        .containsEntry("service.namespace", "nats-chat")
        .containsEntry("deployment.environment.name", "demo");
  }

  @Test
  void aRequestAndItsReplyAreSeenToPassTheBroker() throws Exception {
    assumeTrue(ON, "the broker's hops are off");
    String room = Chat.newRoom();
    try (Chat bob = Chat.as("bob")) {
      assertThat(bob.history(room)).isEmpty();
    }
    Trace trace =
        whole(
            traceOf(
                "chat.history." + room, t -> has(t, "history-service", "process chat.history.*")),
            t ->
                has(t, "system-tests", "request chat.history.*")
                    && t.named("ingress client").size() == 2
                    && t.named("egress client").size() == 2);

    assertThat(edges(trace))
        .contains(
            "system-tests client request chat.history.* > nats-server consumer ingress client",
            "history-service producer publish (temporary) > nats-server consumer ingress client")
        .filteredOn(edge -> edge.contains("> nats-server"))
        .hasSize(4);
  }

  @Test
  void aRefusedMessageShowsWhereItDied() throws Exception {
    assumeTrue(ON, "the broker's hops are off");
    String room = Chat.newRoom();
    try (Chat charlie = Chat.as("charlie")) {
      charlie.nats.publish("chat." + room, charlie.message(room, "let me in"));
      charlie.nats.flush(Duration.ofSeconds(10));
      eventually()
          .until(() -> charlie.complaints.stream().anyMatch(said -> said.contains("chat." + room)));
    }
    Trace trace =
        whole(
            traceOf("chat." + room, t -> has(t, "system-tests", "publish chat.*")),
            t -> has(t, "nats-server", "ingress client"));

    Span ingress = trace.named("ingress client").get(0);
    assertThat(ingress.error()).isTrue();
    assertThat(ingress.statusMessage()).containsIgnoringCase("Permissions Violation");
    assertThat(ingress.attributes()).containsEntry("error.type", "permission_denied");
    assertThat(edges(trace))
        .containsExactlyInAnyOrder(
            "- > system-tests producer publish chat.*",
            "system-tests producer publish chat.* > nats-server consumer ingress client");
  }

  private static void assertNoTraceOfHops(Trace trace) {
    assertThat(Telemetry.wholeTrace(trace.id()).orElseThrow().services())
        .doesNotContain("nats-server");
    assertThat(Telemetry.tracesWith("nats-server", 10)).isEqualTo(List.of());
    assertThat(Telemetry.METRICS.query("{__name__=~\"nats_hops_.*\"}")).isEmpty();
  }
}
