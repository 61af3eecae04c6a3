package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.edges;
import static dev.natschat.systemtests.Telemetry.eventually;
import static dev.natschat.systemtests.Telemetry.has;
import static dev.natschat.systemtests.Telemetry.traceOf;
import static dev.natschat.systemtests.Telemetry.tracesOf;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.natschat.telemetry.Span;
import dev.natschat.telemetry.Trace;
import io.nats.client.JetStream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * One chat message is one trace, from its publisher to its row; many at once are linked to what
 * they share.
 */
class MessageTraceIT {
  private static final String PERSIST = "persist-worker";

  @Test
  void aMessagePublishedAloneIsOneTraceFromThePublisherToItsSettlement() throws Exception {
    String room = Chat.newRoom();
    try (Chat alice = Chat.as("alice")) {
      alice.say(room, "hello");
      eventually().until(() -> Table.rows(room) == 1);
    }
    traceOf("chat." + room, MessageTraceIT::isWhole);
    whatWasOnItsWayHasArrived();

    List<Trace> traces = tracesOf("chat." + room, 20);

    assertThat(traces).hasSize(1);
    assertThat(edges(traces.get(0)))
        .containsExactlyInAnyOrder(
            "- > system-tests producer publish chat.*",
            "system-tests producer publish chat.* > persist-worker consumer process chat.*",
            "persist-worker consumer process chat.* > persist-worker client insert messages select unnest",
            "persist-worker consumer process chat.* > persist-worker client settle chat.*");
    assertThat(traces.get(0).spans()).noneMatch(Span::error);
  }

  @Test
  void theSpansSayWhatTheConventionsAsk() throws Exception {
    String room = Chat.newRoom();
    byte[] body;
    long sequence;
    try (Chat alice = Chat.as("alice")) {
      body = alice.message(room, "hello");
      sequence = alice.nats.jetStream().publish("chat." + room, body).getSeqno();
    }
    Trace trace = traceOf("chat." + room, MessageTraceIT::isWhole);
    Span publish = trace.named("publish chat.*").get(0);
    Span process = trace.named("process chat.*").get(0);

    String size = Integer.toString(body.length);
    assertThat(publish.attributes())
        .containsEntry("messaging.system", "nats")
        .containsEntry("messaging.operation.name", "publish")
        .containsEntry("messaging.operation.type", "send")
        .containsEntry("messaging.destination.name", "chat." + room)
        .containsEntry("messaging.destination.template", "chat.*")
        .containsEntry("messaging.message.body.size", size)
        .containsEntry("messaging.message.payload_size_bytes", size)
        .containsKeys("server.address", "server.port");
    assertThat(process.attributes())
        .containsEntry("messaging.system", "nats")
        .containsEntry("messaging.operation.name", "process")
        .containsEntry("messaging.operation.type", "process")
        .containsEntry("messaging.destination.name", "chat." + room)
        .containsEntry("messaging.destination.template", "chat.*")
        .containsEntry("messaging.message.payload_size_bytes", size)
        .containsEntry("messaging.consumer.name", PERSIST)
        .containsEntry("messaging.nats.stream", "CHAT_MESSAGES")
        .containsEntry("messaging.nats.stream_sequence", Long.toString(sequence))
        .containsEntry("messaging.nats.delivery_count", "1");
    assertThat(process.attributes())
        .containsEntry("service.namespace", "nats-chat")
        .containsEntry("deployment.environment.name", "demo")
        .containsEntry("service.instance.id", PERSIST);
  }

  @Test
  void aForeignClientsTraceparentInGosCapitalisationIsJoined() throws Exception {
    String room = Chat.newRoom();
    Random random = new Random();
    byte[] traceBytes = new byte[16];
    byte[] spanBytes = new byte[8];
    random.nextBytes(traceBytes);
    random.nextBytes(spanBytes);
    String traceId = HexFormat.of().formatHex(traceBytes);
    String spanId = HexFormat.of().formatHex(spanBytes);
    try (WireClient foreign = new WireClient("bob")) {
      foreign.publish(
          "chat." + room,
          "Traceparent: 00-" + traceId + "-" + spanId + "-01",
          "{\"user\":\"bob\",\"text\":\"from afar\",\"timestamp\":%d}"
              .formatted(System.currentTimeMillis())
              .getBytes(UTF_8));
    }

    Trace trace =
        eventually()
            .until(
                () -> Telemetry.TRACES.trace(traceId).filter(MessageTraceIT::isProcessed),
                Optional::isPresent)
            .orElseThrow();

    assertThat(edges(trace))
        .containsExactlyInAnyOrder(
            "(not in the trace) > persist-worker consumer process chat.*",
            "persist-worker consumer process chat.* > persist-worker client insert messages select unnest",
            "persist-worker consumer process chat.* > persist-worker client settle chat.*");
    assertThat(trace.orphans()).extracting(Span::parentId).containsExactly(spanId);
  }

  @Test
  void twoHundredAtOnceAreLinkedToTheirBatchesAndBack() throws Exception {
    int count = 200;
    String room = Chat.newRoom();
    try (Chat alice = Chat.as("alice")) {
      JetStream stream = alice.nats.jetStream();
      List<CompletableFuture<?>> published = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        published.add(stream.publishAsync("chat." + room, alice.message(room, "message " + i)));
      }
      CompletableFuture.allOf(published.toArray(CompletableFuture[]::new))
          .get(30, TimeUnit.SECONDS);
    }
    eventually().until(() -> Table.rows(room) == count);
    eventually()
        .until(
            () -> tracesOf("chat." + room, 2 * count),
            found ->
                found.stream().filter(t -> has(t, PERSIST, "process chat.*")).count() == count);
    whatWasOnItsWayHasArrived();
    List<Trace> traces = tracesOf("chat." + room, 2 * count);

    List<Span> batched = new ArrayList<>();
    for (Trace trace : traces) {
      assertThat(trace.orphans()).isEmpty();
      Span process = onlyOne(trace.named("process chat.*"));
      assertThat(process.parentId()).isEqualTo(onlyOne(trace.named("publish chat.*")).id());
      if (process.links().isEmpty()) {
        assertThat(trace.named("settle chat.*")).as("processed alone").hasSize(1);
      } else {
        assertThat(trace.spans()).as("a message of a batch has no other span").hasSize(2);
        assertThat(process.attributes()).containsEntry("messaging.nats.outcome", "ack");
        batched.add(process);
      }
    }
    assertThat(traces).hasSize(count);
    assertThat(batched).as("messages in batches").hasSizeGreaterThan(1);

    List<Span.Link> toBatches =
        batched.stream().map(span -> onlyOne(span.links())).distinct().toList();
    List<Span.Link> back = new ArrayList<>();
    for (Span.Link link : toBatches) {
      Trace batchTrace = Telemetry.trace(link.traceId());
      Span batch = batchTrace.span(link.spanId()).orElseThrow();
      assertThat(edges(batchTrace))
          .containsExactlyInAnyOrder(
              "- > persist-worker consumer process chat.*",
              "persist-worker consumer process chat.* > persist-worker client insert messages select unnest");
      assertThat(batch.attributes())
          .containsEntry("messaging.batch.message_count", Integer.toString(batch.links().size()));
      back.addAll(batch.links());
    }
    assertThat(back)
        .as("links of the batches to the producers")
        .containsAll(
            batched.stream()
                .map(s -> new Span.Link(s.traceId(), String.valueOf(s.parentId())))
                .toList())
        .doesNotHaveDuplicates();
  }

  @Test
  void noSpanIsOfThePlumbingOrOfTheAgentsOwnNatsModule() throws Exception {
    String room = Chat.newRoom();
    try (Chat alice = Chat.as("alice")) {
      alice.say(room, "hello");
      assertThat(alice.history(room)).isNotNull();
    }
    whatWasOnItsWayHasArrived();

    for (String service : List.of("system-tests", PERSIST, "history-service", "auth-service")) {
      for (Trace trace : Telemetry.tracesWith(service, 100)) {
        assertThat(trace.spans())
            .noneMatch(span -> span.name().toLowerCase(Locale.ROOT).contains("$js"))
            .noneMatch(span -> span.scope().startsWith("io.opentelemetry.nats"));
      }
    }
  }

  /** Its publisher and persist-worker export on their own, and what is processed ends last. */
  private static boolean isWhole(Trace trace) {
    return has(trace, "system-tests", "publish chat.*") && isProcessed(trace);
  }

  private static boolean isProcessed(Trace trace) {
    return has(trace, PERSIST, "settle chat.*") && has(trace, PERSIST, "process chat.*");
  }

  /**
   * Each service exports its spans in their order: with a later message's, all earlier ones are
   * there.
   */
  private static void whatWasOnItsWayHasArrived() throws Exception {
    String room = Chat.newRoom();
    try (Chat alice = Chat.as("alice")) {
      alice.say(room, "marker");
      alice.history(room);
    }
    // No settle span, which a message has not that is stored together with another one.
    traceOf("chat." + room, trace -> has(trace, PERSIST, "process chat.*"));
    traceOf(
        "chat.history." + room, trace -> has(trace, "history-service", "process chat.history.*"));
  }

  private static <T> T onlyOne(List<T> list) {
    assertThat(list).hasSize(1);
    return list.get(0);
  }
}
