package dev.natschat.observer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.JetStreamSubscription;
import io.nats.client.Message;
import io.nats.client.Subscription;
import io.nats.client.api.DiscardPolicy;
import io.nats.client.api.MessageInfo;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a server says of a message becomes spans of the message's trace. On a real server with the
 * repository's configuration; each trap of NATS' message tracing has a test.
 */
@SuppressWarnings("try") // connections
class HopsIT {
  private static final Duration LONG = Duration.ofSeconds(20);

  private final Path directory;
  private final Random random = new Random();
  private NatsServer nats;

  HopsIT(@TempDir Path directory) throws Exception {
    this.directory = directory;
    nats = NatsServer.startWithHops(directory.resolve("nats"), 100);
  }

  @AfterEach
  void stop() {
    nats.close();
  }

  /** What a publisher's span has, and what its message carries. */
  private final class Publication {
    private final String traceId = hex(16);
    private final String spanId = hex(8);

    private String hex(int bytes) {
      byte[] id = new byte[bytes];
      random.nextBytes(id);
      return HexFormat.of().formatHex(id);
    }

    Headers headers() {
      return new Headers().put("traceparent", "00-" + traceId + "-" + spanId + "-01");
    }

    NatsMessage message(String subject) {
      return NatsMessage.builder().subject(subject).headers(headers()).data("hi").build();
    }
  }

  private Publication publish(Connection client, String subject) throws Exception {
    Publication publication = new Publication();
    client.publish(publication.message(subject));
    client.flush(LONG);
    return publication;
  }

  private static void addStream(Connection tester, long maxBytes) throws Exception {
    tester
        .jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name("CHAT_MESSAGES")
                .subjects("chat.*")
                .storageType(StorageType.File)
                .maxBytes(maxBytes)
                .discardPolicy(DiscardPolicy.New)
                .build());
  }

  @Test
  void aMessageIsSeenToArriveAndToBeDeliveredAndStored() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection tester = nats.connect("tester");
        Connection alice = nats.connect("alice")) {
      addStream(tester, 1_000_000);
      tester.subscribe("chat.*", "readers");
      tester.flush(LONG);

      Publication publication = publish(alice, "chat.lobby");

      List<SpanData> spans = observed.awaitSpansOf(publication.traceId, 3);
      assertThat(observed.edges(publication.traceId, publication.spanId))
          .containsExactlyInAnyOrder(
              "publish > ingress client@nats-chat",
              "ingress client@nats-chat > egress client@nats-chat",
              "ingress client@nats-chat > store CHAT_MESSAGES@nats-chat");
      SpanData ingress = named("ingress client", spans);
      SpanData egress = named("egress client", spans);
      SpanData store = named("store CHAT_MESSAGES", spans);
      assertThat(ingress.getKind()).isEqualTo(SpanKind.CONSUMER);
      assertThat(egress.getKind()).isEqualTo(SpanKind.PRODUCER);
      assertThat(store.getKind()).isEqualTo(SpanKind.INTERNAL);
      assertThat(spans).allMatch(span -> span.getStatus().getStatusCode() == StatusCode.UNSET);
      assertThat(ingress.getAttributes().asMap())
          .contains(
              entry(HopSpans.SYSTEM, "nats"),
              entry(HopSpans.OPERATION, "ingress"),
              entry(HopSpans.DESTINATION, "chat.lobby"),
              entry(HopSpans.SERVER, "nats-chat"),
              entry(HopSpans.ACCOUNT, "CHAT"),
              entry(HopSpans.PEER, "client"),
              entry(HopSpans.DELIVERIES, 1L))
          .containsKeys(HopSpans.SIZE, HopSpans.CONNECTION)
          .doesNotContainKeys(HopSpans.CLUSTER, HopSpans.HOP, HopSpans.ERROR_TYPE);
      assertThat(egress.getAttributes().asMap())
          .contains(
              entry(HopSpans.DESTINATION, "chat.lobby"),
              entry(HopSpans.SUBSCRIPTION, "chat.*"),
              entry(HopSpans.QUEUE, "readers"));
      assertThat(store.getAttributes().asMap())
          .contains(
              entry(HopSpans.STREAM, "CHAT_MESSAGES"), entry(HopSpans.DESTINATION, "chat.lobby"));
      assertThat(ingress.getResource().getAttributes().asMap())
          .extractingByKeys(
              io.opentelemetry.api.common.AttributeKey.stringKey("service.name"),
              io.opentelemetry.api.common.AttributeKey.stringKey("service.instance.id"),
              io.opentelemetry.api.common.AttributeKey.stringKey("service.namespace"))
          .containsExactly("nats-server", "nats-chat", "nats-chat");
      assertThat(store.getStartEpochNanos()).isGreaterThanOrEqualTo(ingress.getStartEpochNanos());
      assertThat(store.getEndEpochNanos()).isEqualTo(ingress.getEndEpochNanos());
      assertThat(observed.count(HopMetric.INCOMPLETE)).isZero();
      observed.awaitCount(HopMetric.EXPORTED, Attributes.empty(), 3); // counted after it was taken
    }
  }

  @Test
  void aRefusedMessageShowsWhereItDied() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection alice = nats.connect("alice")) {
      Publication publication = publish(alice, "admin.lobby");

      SpanData ingress = observed.awaitSpansOf(publication.traceId, 1).get(0);
      assertThat(ingress.getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
      assertThat(ingress.getStatus().getDescription())
          .isEqualTo("Permissions Violation for Publish to \"admin.lobby\"");
      assertThat(ingress.getAttributes().get(HopSpans.ERROR_TYPE)).isEqualTo("permission_denied");
      assertThat(ingress.getParentSpanId()).isEqualTo(publication.spanId);
      assertThat(observed.spansOf(publication.traceId)).hasSize(1);
    }
  }

  @Test
  void aFullStreamShowsThatItRefused() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection tester = nats.connect("tester");
        Connection alice = nats.connect("alice")) {
      addStream(tester, 1000);
      alice.publish("chat.lobby", new byte[900]);
      Publication publication = publish(alice, "chat.lobby");

      List<SpanData> spans = observed.awaitSpansOf(publication.traceId, 2);
      SpanData store = named("store CHAT_MESSAGES", spans);
      assertThat(store.getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
      assertThat(store.getStatus().getDescription()).contains("maximum bytes exceeded");
      assertThat(store.getAttributes().get(HopSpans.ERROR_TYPE)).isEqualTo("limit_reached");
      assertThat(named("ingress client", spans).getStatus().getStatusCode())
          .isEqualTo(StatusCode.UNSET);
    }
  }

  @Test
  void aDuplicateIsNoError() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection tester = nats.connect("tester")) {
      addStream(tester, 1_000_000);
      tester.jetStream().publish("chat.a", new Headers().put("Nats-Msg-Id", "1"), null);
      Publication publication = new Publication();
      tester.jetStream().publish("chat.a", publication.headers().put("Nats-Msg-Id", "1"), null);

      SpanData store = named("store CHAT_MESSAGES", observed.awaitSpansOf(publication.traceId, 2));
      assertThat(store.getStatus().getStatusCode()).isEqualTo(StatusCode.UNSET);
      assertThat(store.getAttributes().get(HopSpans.DUPLICATE)).isTrue();
    }
  }

  /** Trap 1: a server drops a traced message when its publisher may not publish to dest. */
  @Test
  void withoutTheGrantAServerDropsTracedMessagesAndWithItNone() throws Exception {
    try (Connection tester = nats.connect("tester");
        Connection without = nats.connect("without-grant");
        Connection alice = nats.connect("alice")) {
      Subscription room = tester.subscribe("chat.*");
      tester.flush(LONG);
      for (int i = 0; i < 100; i++) {
        publish(without, "chat.dropped");
        publish(alice, "chat.kept");
      }
      alice.publish("chat.end", null);
      alice.flush(LONG);
      int kept = 0;
      for (Message message = room.nextMessage(LONG);
          message != null && !message.getSubject().equals("chat.end");
          message = room.nextMessage(LONG)) {
        assertThat(message.getSubject()).isEqualTo("chat.kept");
        kept++;
      }
      assertThat(kept).isEqualTo(100);
    }
  }

  /** Trap 2: who may publish to dest could invent hops. */
  @Test
  void whatAClientForgesIsRefusedAndCounted() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection tester = nats.connect("tester");
        Connection eve = nats.connect("alice")) {
      Publication victim = publish(tester, "chat.lobby");
      observed.awaitSpansOf(victim.traceId, 1);
      String forgery =
          """
          {"server":{"name":"evil","id":"E","ver":"2.12.15","time":"2026-01-01T00:00:00Z"},
          "request":{"header":{"traceparent":["00-%s-%s-01"]},"msgsize":1},
          "events":[{"type":"in","ts":"2026-01-01T00:00:00Z","kind":0,"acc":"CHAT","subj":"x"}]}
          """
              .formatted(victim.traceId, victim.spanId);
      Headers genuine =
          new Headers()
              .put("Nats-Request-Info", "{\"acc\":\"CHAT\",\"server\":\"n\",\"kind\":\"Account\"}");
      for (String subject : List.of("broker.hops.event", "broker.hops.forged")) {
        eve.publish(subject, forgery.getBytes(UTF_8));
        eve.publish(subject, genuine, forgery.getBytes(UTF_8));
        eve.publish(subject, "_INBOX.x", forgery.getBytes(UTF_8));
      }
      eve.publish("hops.event", forgery.getBytes(UTF_8)); // of another account: nobody's
      eve.flush(LONG);
      observed.awaitCount(HopMetric.REFUSED, HopMetrics.FORGED, 6);

      Publication after = publish(eve, "chat.lobby");
      observed.awaitSpansOf(after.traceId, 1);
      assertThat(observed.spansOf(victim.traceId)).hasSize(1);
      assertThat(observed.spans())
          .extracting(span -> span.getAttributes().get(HopSpans.SERVER))
          .containsOnly("nats-chat");
      assertThat(observed.count(HopMetric.REFUSED, HopMetrics.MALFORMED)).isZero();
    }
  }

  /**
   * A stream acknowledges to whatever subject the publisher names, and as the server itself: no
   * mapping leads that away.
   */
  @Test
  void theAcknowledgementOfAStreamIsNoHop() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection tester = nats.connect("tester");
        Connection eve = nats.connect("alice")) {
      addStream(tester, 1_000_000);
      eve.publish("chat.lobby", "broker.hops.event", null);
      eve.flush(LONG);
      observed.awaitCount(HopMetric.REFUSED, HopMetrics.MALFORMED, 1);

      Publication after = publish(eve, "chat.lobby");
      observed.awaitSpansOf(after.traceId, 1);
      assertThat(observed.spans()).extracting(SpanData::getTraceId).containsOnly(after.traceId);
    }
  }

  /** Trap 2: nor may they be read, by any subscription, whoever the user is. */
  @Test
  void nobodyInTheChatHearsTheEvents() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection tester = nats.connect("tester")) { // who may subscribe to everything
      List<Subscription> ears =
          List.of(tester.subscribe("hops.>"), tester.subscribe("broker.hops.forged"));
      tester.flush(LONG);
      Publication publication = publish(tester, "chat.lobby");
      observed.awaitSpansOf(publication.traceId, 1);
      tester.flush(LONG);
      assertThat(ears).allMatch(ear -> ear.getPendingMessageCount() == 0);
    }
  }

  /**
   * A client may send the header that servers add from hop to hop; it is at the first one all the
   * same.
   */
  @Test
  void aHopThatAClientClaimsIsIgnored() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection alice = nats.connect("alice")) {
      Publication publication = new Publication();
      alice.publish("chat.lobby", publication.headers().put("Nats-Trace-Hop", "1.7"), null);

      SpanData ingress = observed.awaitSpansOf(publication.traceId, 1).get(0);
      assertThat(ingress.getParentSpanId()).isEqualTo(publication.spanId);
      assertThat(ingress.getAttributes().get(HopSpans.HOP)).isNull();
      assertThat(ingress.getAttributes().get(HopSpans.PREDECESSOR_LOST)).isNull();
    }
  }

  /**
   * Trap 3: before 2.12.12 a traced message was stored with its traceparent renamed. Trap 4: stored
   * copies are marked, and what is delivered from a stream makes no event.
   */
  @Test
  void theStoredCopyKeepsItsTraceparentAndIsNotTracedAgain() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection tester = nats.connect("tester")) {
      addStream(tester, 1_000_000);
      Publication publication = publish(tester, "chat.lobby");
      observed.awaitSpansOf(publication.traceId, 2);

      MessageInfo stored =
          tester.jetStreamManagement().getLastMessage("CHAT_MESSAGES", "chat.lobby");
      assertThat(stored.getHeaders().getFirst("traceparent"))
          .isEqualTo(publication.headers().getFirst("traceparent"));
      assertThat(stored.getHeaders().getFirst("Nats-Trace-Dest")).isEqualTo("trace disabled");

      JetStreamSubscription delivery = tester.jetStream().subscribe("chat.lobby");
      assertThat(delivery.nextMessage(LONG)).isNotNull();
      Publication after = publish(tester, "chat.fence");
      observed.awaitSpansOf(after.traceId, 2);
      assertThat(observed.spansOf(publication.traceId)).hasSize(2);
    }
  }

  /** Trap 5: n percent are n + 1. */
  @Test
  void onePercentIsTwo() throws Exception {
    nats.close();
    nats = NatsServer.startWithHops(directory.resolve("sampled"), 1);
    int published = 20_000;
    try (Connection tester = nats.connect("tester");
        Connection obs = nats.connect("hops")) {
      Subscription events = obs.subscribe("hops.event");
      events.setPendingLimits(-1, -1);
      obs.flush(LONG);
      for (int i = 0; i < published; i++) {
        tester.publish(new Publication().message("chat.lobby"));
      }
      assertThat(eventsBefore("chat.fence", tester, events) / (double) published)
          .isBetween(0.015, 0.025);
    }
  }

  /** A server sends its events in the messages' order: one of the fence comes after all others. */
  private int eventsBefore(String fence, Connection publisher, Subscription events)
      throws Exception {
    for (int i = 0; i < 2_000; i++) { // one of them will be traced
      publisher.publish(new Publication().message(fence));
    }
    publisher.flush(LONG);
    int count = 0;
    for (Message event = events.nextMessage(LONG);
        !new String(event.getData(), UTF_8).contains(fence);
        event = events.nextMessage(LONG)) {
      count++;
    }
    return count;
  }

  @Test
  void anUnsampledMessageIsNobodysBusiness() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection alice = nats.connect("alice")) {
      Publication not = new Publication();
      alice.publish(
          "chat.lobby",
          new Headers().put("traceparent", "00-" + not.traceId + "-" + not.spanId + "-00"),
          null);
      alice.publish("chat.lobby", null);
      Publication sampled = publish(alice, "chat.lobby");
      observed.awaitSpansOf(sampled.traceId, 1);
      assertThat(observed.count(HopMetric.EVENTS)).isEqualTo(1);
    }
  }

  /** Of two observers one reads; what is read again after a crash has the same ids. */
  @Test
  void twoObserversAndAReplayDoubleNothing() throws Exception {
    try (Connection tester = nats.connect("tester");
        Connection obs = nats.connect("hops")) {
      String first;
      List<String> ids;
      try (ObservedHops one = new ObservedHops(nats.url());
          ObservedHops two = new ObservedHops(nats.url())) {
        Publication publication = publish(tester, "chat.lobby");
        first = publication.traceId;
        await()
            .atMost(LONG)
            .until(() -> one.spansOf(first).size() + two.spansOf(first).size() == 1);
        for (int i = 0; i < 50; i++) {
          publish(tester, "chat.lobby");
        }
        await().atMost(LONG).until(() -> one.spans().size() + two.spans().size() == 51);
        assertThat(one.spans().isEmpty() || two.spans().isEmpty()).isTrue();
        ids =
            (one.spans().isEmpty() ? two : one)
                .spans().stream().map(SpanData::getSpanId).sorted().toList();
      }
      obs.jetStreamManagement().deleteConsumer("HOPS", "broker-observer");
      try (ObservedHops again = new ObservedHops(nats.url())) {
        await().atMost(LONG).until(() -> again.spans().size() >= 51);
        assertThat(again.spans().stream().map(SpanData::getSpanId).sorted().toList())
            .isEqualTo(ids);
      }
    }
  }

  @Test
  void aServerThatForgotItsMemoryIsReadOnFrom() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url())) {
      try (Connection tester = nats.connect("tester")) {
        observed.awaitSpansOf(publish(tester, "chat.lobby").traceId, 1);
      }
      nats.kill();
      nats.startAgain();
      try (Connection tester = nats.connect("tester")) {
        await()
            .atMost(Duration.ofSeconds(40))
            .until(() -> seen(observed, publish(tester, "chat.lobby")));
      }
    }
  }

  /** jnats gives a connection up that is refused twice. */
  @Test
  void aServerThatDidNotKnowTheUserForAWhileIsReadOnFrom() throws Exception {
    String refused = "authentication error - User \"broker-observer-hops\"";
    try (ObservedHops observed = new ObservedHops(nats.url())) {
      nats.kill();
      nats.renameUser("broker-observer-hops", "nobody");
      nats.startAgain();
      await("refused twice").atMost(LONG).until(() -> nats.output().split(refused, -1).length > 2);
      nats.kill();
      nats.renameUser("nobody", "broker-observer-hops");
      nats.startAgain();
      try (Connection tester = nats.connect("tester")) {
        await()
            .atMost(Duration.ofSeconds(40))
            .until(() -> seen(observed, publish(tester, "chat.lobby")));
      }
    }
  }

  private static boolean seen(ObservedHops observed, Publication publication) {
    try {
      return await()
              .atMost(Duration.ofSeconds(2))
              .until(() -> observed.spansOf(publication.traceId), spans -> !spans.isEmpty())
              .size()
          == 1;
    } catch (org.awaitility.core.ConditionTimeoutException notYet) {
      return false;
    }
  }

  /** Of the hundreds who read a room, some are shown and all are counted. */
  @Test
  void aMessageWithManyReadersHasFewSpans() throws Exception {
    try (ObservedHops observed = new ObservedHops(nats.url());
        Connection tester = nats.connect("tester")) {
      for (int i = 0; i < 200; i++) {
        tester.subscribe("chat.lobby");
      }
      tester.flush(LONG);
      Publication publication = publish(tester, "chat.lobby");
      List<SpanData> spans =
          observed.awaitSpansOf(publication.traceId, 1 + HopSpans.MAX_DELIVERIES);
      assertThat(spans).hasSize(1 + HopSpans.MAX_DELIVERIES);
      assertThat(named("ingress client", spans).getAttributes().get(HopSpans.DELIVERIES))
          .isEqualTo(200);
    }
  }

  @Test
  void nothingIsThereWhenItIsOff() throws Exception {
    nats.close();
    nats = NatsServer.start(directory.resolve("off"));
    try (Observed observed = new Observed(nats.url(), null);
        Connection tester = nats.connect("tester")) {
      addStream(tester, 1_000_000);
      Subscription events = tester.subscribe("broker.hops.>");
      tester.flush(LONG);
      tester.jetStream().publish(new Publication().message("chat.lobby"));
      observed.awaitSeries(Metric.SERVERS, java.util.Map.of(Attributes.empty(), 1.0));

      MessageInfo stored =
          tester.jetStreamManagement().getLastMessage("CHAT_MESSAGES", "chat.lobby");
      assertThat(stored.getHeaders().getFirst("Nats-Trace-Dest")).isNull();
      tester.flush(LONG);
      assertThat(events.getPendingMessageCount()).isZero();
      assertThat(observed.names().stream().filter(name -> name.startsWith("nats.hops")).toList())
          .isEmpty();
    }
  }

  private static SpanData named(String name, List<SpanData> spans) {
    List<SpanData> found =
        spans.stream().filter(span -> span.getName().equals(name)).collect(Collectors.toList());
    assertThat(found).as(name).hasSizeGreaterThanOrEqualTo(1);
    return found.get(0);
  }
}
