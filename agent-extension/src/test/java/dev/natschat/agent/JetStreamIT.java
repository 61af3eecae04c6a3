package dev.natschat.agent;

import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_CONSUMER;
import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_PRODUCER;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Arrays.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.Dispatcher;
import io.nats.client.JetStream;
import io.nats.client.JetStreamOptions;
import io.nats.client.JetStreamSubscription;
import io.nats.client.KeyValue;
import io.nats.client.Message;
import io.nats.client.MessageConsumer;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.PublishOptions;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.PushSubscribeOptions;
import io.nats.client.Subscription;
import io.nats.client.api.AckPolicy;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.KeyValueConfiguration;
import io.nats.client.api.PublishAck;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import io.opentelemetry.proto.trace.v1.Span;
import io.opentelemetry.proto.trace.v1.Span.SpanKind;
import java.lang.reflect.Method;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** JetStream: publish, push, pull, settlement. */
@SuppressWarnings("try")
class JetStreamIT extends TracedTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  private JetStream jetStream;

  @BeforeEach
  void createStream() throws Exception {
    nats.jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name("CHAT")
                .subjects("chat.*")
                .storageType(StorageType.Memory)
                .build());
    nats.jetStreamManagement()
        .addOrUpdateConsumer(
            "CHAT",
            ConsumerConfiguration.builder()
                .durable("reader")
                .ackPolicy(AckPolicy.Explicit)
                .ackWait(Duration.ofSeconds(60))
                .build());
    jetStream = nats.jetStream();
    Telemetry.reset();
  }

  @AfterEach
  void deleteStream() throws Exception {
    nats.jetStreamManagement().deleteStream("CHAT");
  }

  @Test
  void aPublishIsOneSpanWithItsPlaceInTheStream() throws Exception {
    jetStream.publish("chat.a", HELLO);
    assertTraces("publish chat.* PRODUCER\n");
    assertThat(Telemetry.attributes(Telemetry.span("publish chat.*", SPAN_KIND_PRODUCER)))
        .isEqualTo(
            Map.ofEntries(
                Map.entry("messaging.system", "nats"),
                Map.entry("messaging.operation.name", "publish"),
                Map.entry("messaging.operation.type", "send"),
                Map.entry("messaging.destination.name", "chat.a"),
                Map.entry("messaging.destination.template", "chat.*"),
                Map.entry("messaging.message.body.size", 5L),
                Map.entry("messaging.message.payload_size_bytes", 5L),
                Map.entry("messaging.nats.stream", "CHAT"),
                Map.entry("messaging.nats.stream_sequence", 1L),
                Map.entry("server.address", "127.0.0.1"),
                Map.entry("server.port", (long) server.port())));
  }

  @Test
  void everyOverloadOfPublishIsOneSpan() throws Exception {
    Headers headers = new Headers().add("mine", "kept");
    Message message = NatsMessage.builder().subject("chat.a").headers(headers).data(HELLO).build();
    PublishOptions options = PublishOptions.builder().expectedStream("CHAT").build();
    jetStream.publish("chat.a", HELLO);
    jetStream.publish("chat.a", headers, HELLO);
    jetStream.publish("chat.a", HELLO, options);
    jetStream.publish("chat.a", headers, HELLO, options);
    jetStream.publish(message);
    jetStream.publish(message, options);
    assertTraces("publish chat.* PRODUCER\n".repeat(6));
    assertStored(6);
    assertThat(headers.keySet()).containsExactly("mine");
  }

  @Test
  void everyOverloadOfPublishAsyncIsOneSpan() throws Exception {
    Headers headers = new Headers().add("mine", "kept");
    Message message = NatsMessage.builder().subject("chat.a").headers(headers).data(HELLO).build();
    PublishOptions options = PublishOptions.builder().expectedStream("CHAT").build();
    for (CompletableFuture<?> acknowledged :
        List.of(
            jetStream.publishAsync("chat.a", HELLO),
            jetStream.publishAsync("chat.a", headers, HELLO),
            jetStream.publishAsync("chat.a", HELLO, options),
            jetStream.publishAsync("chat.a", headers, HELLO, options),
            jetStream.publishAsync(message),
            jetStream.publishAsync(message, options))) {
      acknowledged.get(20, TimeUnit.SECONDS);
    }
    assertTraces("publish chat.* PRODUCER\n".repeat(6));
    assertStored(6);
    assertThat(headers.keySet()).containsExactly("mine");
  }

  /** Each with the context of its own span. */
  private void assertStored(int count) throws Exception {
    List<String> carried = new ArrayList<>();
    for (int i = 1; i <= count; i++) {
      String traceparent =
          nats.jetStreamManagement().getMessage("CHAT", i).getHeaders().getFirst("traceparent");
      carried.add(traceparent.substring(36, 52)); // the span
    }
    assertThat(
            Telemetry.spans().stream()
                .map(span -> HexFormat.of().formatHex(span.getSpanId().toByteArray())))
        .containsExactlyInAnyOrderElementsOf(carried);
  }

  @Test
  void aMessageIdIsAnAttributeOnBothSides() throws Exception {
    jetStream.publish("chat.a", HELLO, PublishOptions.builder().messageId("4711").build());
    jetStream.getConsumerContext("CHAT", "reader").next(TIMEOUT).ack();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ack
            settle chat.* CLIENT ack
        """);
    for (SpanKind kind : List.of(SPAN_KIND_PRODUCER, SPAN_KIND_CONSUMER)) {
      Span span =
          Telemetry.spans().stream().filter(s -> s.getKind() == kind).findFirst().orElseThrow();
      assertThat(Telemetry.attributes(span)).containsEntry("messaging.message.id", "4711");
    }
  }

  /** The handler waits, so that the server has to ask whether more may come. */
  @Test
  void noSpanForFlowControl() throws Exception {
    Subscription answers = nats.subscribe("$JS.FC.>");
    int messages = 200;
    CountDownLatch handled = new CountDownLatch(messages);
    jetStream.subscribe(
        "chat.*",
        nats.createDispatcher(),
        message -> handled.countDown(),
        false,
        PushSubscribeOptions.builder()
            .configuration(
                ConsumerConfiguration.builder()
                    .ackPolicy(AckPolicy.None)
                    .flowControl(Duration.ofMillis(500))
                    .build())
            .build());
    for (int i = 0; i < messages; i++) {
      nats.publish("chat.a", new byte[50_000]);
    }
    assertThat(handled.await(60, TimeUnit.SECONDS)).isTrue();
    assertThat(answers.nextMessage(TIMEOUT)).as("the server asked").isNotNull();
    assertTraces("publish chat.* PRODUCER\n  process chat.* CONSUMER\n".repeat(messages));
  }

  @Test
  void aDuplicateIsFlagged() throws Exception {
    PublishOptions once = PublishOptions.builder().messageId("1").build();
    jetStream.publish("chat.a", HELLO, once);
    Telemetry.reset();
    jetStream.publish("chat.a", HELLO, once);
    assertThat(Telemetry.attributes(Telemetry.span("publish chat.*", SPAN_KIND_PRODUCER)))
        .containsEntry("messaging.nats.duplicate", true);
  }

  @Test
  void aPublishNoStreamTakesIsAnError() throws Exception {
    try {
      jetStream.publish("admin.a", HELLO);
    } catch (java.io.IOException expected) {
      assertTraces("publish admin.* PRODUCER ERROR java.io.IOException\n");
      return;
    }
    throw new AssertionError("published into nothing");
  }

  /** Without an acknowledgement nothing else tells of it. */
  @Test
  void aPublishWithoutAckThatIsDiscardedIsNotSent() throws Exception {
    NatsServer own = NatsServer.start();
    Options options =
        own.options()
            .maxReconnects(-1)
            .reconnectWait(Duration.ofMillis(100))
            .maxMessagesInOutgoingQueue(1)
            .discardMessagesWhenOutgoingQueueFull()
            .build();
    try (Connection other = Nats.connect(options)) {
      JetStream unanswered = other.jetStream(JetStreamOptions.builder().publishNoAck(true).build());
      own.close();
      await().until(() -> other.getStatus() != Connection.Status.CONNECTED);
      other.publish("admin.a", HELLO);
      other.publish("admin.a", HELLO);
      Telemetry.reset();
      assertThat(unanswered.publish("chat.a", HELLO)).isNull();
      CompletableFuture<PublishAck> none = unanswered.publishAsync("chat.a", HELLO);
      assertThat(none).isNull();
    }
    assertTraces("publish chat.* PRODUCER ERROR discarded\n".repeat(2));
  }

  @Test
  void publishAsyncEndsWithItsAckAndKeepsTheCallersContext() throws Exception {
    CompletableFuture<?> done =
        inSpan(
            "send",
            () -> jetStream.publishAsync("chat.a", HELLO).thenAccept(ack -> span("callback")));
    done.get(20, TimeUnit.SECONDS);
    assertTraces(
        """
        send
          publish chat.* PRODUCER
          callback
        """);
    assertThat(Telemetry.attributes(Telemetry.span("publish chat.*", SPAN_KIND_PRODUCER)))
        .containsEntry("messaging.nats.stream_sequence", 1L);
  }

  @Test
  void anExceptionThatIsItsOwnCauseEndsThePublishItIsGivenTo() throws Exception {
    Subscription deaf = nats.subscribe("not.stored");
    CompletableFuture<?> acknowledged = jetStream.publishAsync("not.stored", HELLO);
    RuntimeException first = new RuntimeException("first");
    first.initCause(new RuntimeException(first));
    assertThat(
            CompletableFuture.supplyAsync(() -> acknowledged.completeExceptionally(first))
                .get(20, TimeUnit.SECONDS))
        .isTrue();
    deaf.unsubscribe();
    assertTraces("publish PRODUCER ERROR java.lang.RuntimeException\n");
  }

  @Test
  void anExceptionThatCannotTellItsCauseEndsThePublishItIsGivenTo() throws Exception {
    Subscription deaf = nats.subscribe("not.stored");
    assertThat(jetStream.publishAsync("not.stored", HELLO).completeExceptionally(new Untold()))
        .isTrue();
    deaf.unsubscribe();
    assertTraces("publish PRODUCER ERROR dev.natschat.agent.JetStreamIT$Untold\n");
  }

  private static final class Untold extends RuntimeException {
    private static final long serialVersionUID = 1;

    @Override
    public synchronized Throwable getCause() {
      throw new IllegalStateException("what it came from is gone");
    }
  }

  @Test
  void aPushedMessageIsProcessedAndSettledInItsTrace() throws Exception {
    Dispatcher dispatcher = nats.createDispatcher();
    jetStream.subscribe(
        "chat.*",
        dispatcher,
        message -> {
          span("work");
          message.ack();
        },
        false);
    Telemetry.reset();
    jetStream.publish("chat.a", HELLO);
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
            work
            settle chat.* CLIENT ack
        """);
  }

  @Test
  void anAutomaticAckIsPartOfTheTrace() throws Exception {
    Dispatcher dispatcher = nats.createDispatcher();
    jetStream.subscribe("chat.*", dispatcher, message -> {}, true);
    jetStream.publish("chat.a", HELLO);
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
            settle chat.* CLIENT ack
        """);
  }

  @Test
  void consumeHandsMessagesToItsHandlerInTheirSpan() throws Exception {
    BlockingQueue<Message> handled = new LinkedBlockingQueue<>();
    MessageConsumer consumer =
        jetStream
            .getConsumerContext("CHAT", "reader")
            .consume(
                message -> {
                  message.ack();
                  handled.add(message);
                });
    jetStream.publish("chat.a", HELLO);
    assertThat(handled.poll(20, TimeUnit.SECONDS)).isNotNull();
    consumer.close();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
            settle chat.* CLIENT ack
        """);
    assertThat(Telemetry.attributes(Telemetry.span("process chat.*", SPAN_KIND_CONSUMER)))
        .isEqualTo(
            Map.ofEntries(
                Map.entry("messaging.system", "nats"),
                Map.entry("messaging.operation.name", "process"),
                Map.entry("messaging.operation.type", "process"),
                Map.entry("messaging.destination.name", "chat.a"),
                Map.entry("messaging.destination.template", "chat.*"),
                Map.entry("messaging.message.body.size", 5L),
                Map.entry("messaging.message.payload_size_bytes", 5L),
                Map.entry("messaging.consumer.name", "reader"),
                Map.entry("messaging.nats.stream", "CHAT"),
                Map.entry("messaging.nats.stream_sequence", 1L),
                Map.entry("messaging.nats.delivery_count", 1L),
                Map.entry("server.address", "127.0.0.1"),
                Map.entry("server.port", (long) server.port())));
  }

  @Test
  void aSettlementThatFailedIsNoOutcome() throws Exception {
    jetStream.publish("chat.a", HELLO);
    Connection closing = Nats.connect(options().build());
    Message message =
        closing
            .jetStream()
            .subscribe(null, PullSubscribeOptions.bind("CHAT", "reader"))
            .fetch(1, TIMEOUT)
            .get(0);
    closing.close();
    assertThatThrownBy(message::ack).isInstanceOf(IllegalStateException.class);
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ERROR java.lang.IllegalStateException none
            settle chat.* CLIENT ERROR java.lang.IllegalStateException ack
        """);
  }

  @Test
  void aTerminationThatFailedGivesNoMessageUp() throws Exception {
    Connection closing = Nats.connect(options().build());
    CompletableFuture<Throwable> refused = new CompletableFuture<>();
    closing
        .jetStream()
        .subscribe(
            "chat.*",
            closing.createDispatcher(),
            message -> {
              closing.close();
              try {
                message.term();
              } catch (IllegalStateException closed) {
                refused.complete(closed);
              }
            },
            false);
    Telemetry.reset();
    jetStream.publish("chat.a", HELLO);
    assertThat(refused.get(20, TimeUnit.SECONDS)).hasMessageContaining("Closed");
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
            settle chat.* CLIENT ERROR java.lang.IllegalStateException term
        """);
  }

  @Test
  void whereOneAckIsForAllEachMessageEndsWithItsReceipt() throws Exception {
    jetStream.publish("chat.a", HELLO);
    jetStream.publish("chat.b", HELLO);
    PullSubscribeOptions all =
        PullSubscribeOptions.builder().stream("CHAT")
            .configuration(
                ConsumerConfiguration.builder().durable("all").ackPolicy(AckPolicy.All).build())
            .build();
    jetStream.subscribe("chat.*", all).fetch(2, TIMEOUT).get(1).ack();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
        publish chat.* PRODUCER
          process chat.* CONSUMER
            settle chat.* CLIENT ack
        """);
  }

  @Test
  void everyWayToPullIsTracedFromReceiptToSettlement() throws Exception {
    for (int i = 0; i < 4; i++) {
      jetStream.publish("chat.a", HELLO);
    }
    var consumer = jetStream.getConsumerContext("CHAT", "reader");
    JetStreamSubscription subscription =
        jetStream.subscribe(null, PullSubscribeOptions.bind("CHAT", "reader"));
    consumer.next(TIMEOUT).ack();
    subscription.fetch(1, TIMEOUT).get(0).nakWithDelay(Duration.ofMinutes(10));
    var iterator = subscription.iterate(1, TIMEOUT);
    assertThat(iterator.hasNext()).isTrue();
    iterator.next().term();
    var reader = subscription.reader(1, 1);
    Message read = reader.nextMessage(TIMEOUT);
    reader.stop();
    read.inProgress();
    read.ackSync(TIMEOUT);
    read.ack(); // sends nothing
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ack
            settle chat.* CLIENT ack
        publish chat.* PRODUCER
          process chat.* CONSUMER nak
            settle chat.* CLIENT nak
        publish chat.* PRODUCER
          process chat.* CONSUMER ERROR term term
            settle chat.* CLIENT term
        publish chat.* PRODUCER
          process chat.* CONSUMER ack
            settle chat.* CLIENT in_progress
            settle chat.* CLIENT ack
        """);
  }

  /** jnats lets both of them send it. */
  @Test
  void aMessageThatTwoThreadsSettleAtOnceIsProcessedOnce() throws Exception {
    int count = 300;
    for (int i = 0; i < count; i++) {
      jetStream.publish("chat.a", HELLO);
    }
    JetStreamSubscription subscription =
        jetStream.subscribe(null, PullSubscribeOptions.bind("CHAT", "reader"));
    List<Message> messages = new ArrayList<>();
    while (messages.size() < count) {
      messages.addAll(subscription.fetch(count - messages.size(), TIMEOUT));
    }
    AtomicInteger arrived = new AtomicInteger();
    Callable<Void> settleAll =
        () -> {
          for (int i = 0; i < count; i++) {
            arrived.incrementAndGet();
            while (arrived.get() < 2 * (i + 1)) {
              Thread.onSpinWait();
            }
            messages.get(i).ack();
          }
          return null;
        };
    ExecutorService threads = Executors.newFixedThreadPool(2);
    for (Future<Void> settled : threads.invokeAll(List.of(settleAll, settleAll))) {
      settled.get();
    }
    threads.shutdown();
    assertThat(Telemetry.tree().lines())
        .doesNotContain("ORPHAN settle chat.* CLIENT ack")
        .filteredOn(line -> line.startsWith("  process"))
        .hasSize(count);
    assertThat(Telemetry.metric("messaging.process.duration").values()).containsExactly(300L);
  }

  /** Whoever looks after poison stores what the server says of it: work like any other. */
  @Test
  void anAdvisoryThatWasStoredIsAMessageHoweverItIsRead() throws Exception {
    var management = nats.jetStreamManagement();
    management.addStream(
        StreamConfiguration.builder()
            .name("ADVISORIES")
            .subjects("$JS.EVENT.ADVISORY.CONSUMER.CREATED.CHAT.*")
            .storageType(StorageType.Memory)
            .build());
    management.addOrUpdateConsumer(
        "ADVISORIES",
        ConsumerConfiguration.builder().durable("auditor").ackPolicy(AckPolicy.Explicit).build());
    for (String name : List.of("first", "second")) {
      management.addOrUpdateConsumer("CHAT", ConsumerConfiguration.builder().durable(name).build());
    }
    var advisories = jetStream.getConsumerContext("ADVISORIES", "auditor");
    advisories.next(TIMEOUT).ack();
    MessageConsumer consumer = advisories.consume(Message::ack);
    assertTraces(
        """
        process ADVISORIES CONSUMER ack
          settle ADVISORIES CLIENT ack
        process ADVISORIES CONSUMER
          settle ADVISORIES CLIENT ack
        """);
    consumer.close();
    management.deleteStream("ADVISORIES");
  }

  @Test
  void aRedeliveredMessageKeepsItsTrace() throws Exception {
    jetStream.publish("chat.a", HELLO);
    var consumer = jetStream.getConsumerContext("CHAT", "reader");
    consumer.next(TIMEOUT).nak();
    consumer.next(TIMEOUT).ack();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER nak
            settle chat.* CLIENT nak
          process chat.* CONSUMER ack
            settle chat.* CLIENT ack
        """);
    assertThat(
            Telemetry.spans().stream()
                .map(span -> Telemetry.attributes(span).get("messaging.nats.delivery_count"))
                .filter(count -> count != null))
        .containsExactly(1L, 2L);
  }

  /**
   * Servers have such schedules since 2.14, and then take these two headers from nobody for a
   * stream: so this is a message of the core.
   */
  @Test
  void aMessageThatAScheduleRepeatsIsLinkedToWhoMadeTheSchedule() throws Exception {
    CountDownLatch handled = new CountDownLatch(1);
    nats.createDispatcher(message -> handled.countDown()).subscribe("admin.*");
    Headers repeated =
        new Headers()
            .add("Nats-Scheduler", "schedules.a")
            .add("Nats-Schedule-Next", "2126-01-01T00:00:00Z");
    nats.publish("admin.a", repeated, HELLO);
    assertThat(handled.await(20, TimeUnit.SECONDS)).isTrue();
    assertTraces(
        """
        publish admin.* PRODUCER
        process admin.* CONSUMER ~> publish admin.*
        """);
  }

  @Test
  void aMessageThatWasScheduledOnceIsProcessedInTheTraceOfWhoSentIt() throws Exception {
    String stream =
        """
        {"name": "DELAYED", "subjects": ["delayed.*"], "storage": "memory",
         "allow_msg_schedules": true}""";
    Message created =
        nats.request("$JS.API.STREAM.CREATE.DELAYED", stream.getBytes(UTF_8), TIMEOUT);
    assertThat(new String(created.getData(), UTF_8)).doesNotContain("error");
    var subscription =
        jetStream.subscribe(
            "delayed.target", PullSubscribeOptions.builder().durable("reader").build());
    Headers schedule =
        new Headers()
            .add("Nats-Schedule", "@at " + Instant.now().truncatedTo(ChronoUnit.SECONDS))
            .add("Nats-Schedule-Target", "delayed.target");
    jetStream.publish("delayed.schedule", schedule, HELLO);
    Message message = subscription.fetch(1, TIMEOUT).get(0);
    assertThat(message.getHeaders().getFirst("Nats-Schedule-Next")).isEqualTo("purge");
    message.ack();
    assertTraces(
        """
        publish PRODUCER
          process DELAYED CONSUMER ack
            settle DELAYED CLIENT ack
        """);
    nats.jetStreamManagement().deleteStream("DELAYED");
  }

  /**
   * Then jnats makes it again, and drops what had come of the one before. So it does, once more,
   * where the machine stalls for longer than the alarm time.
   */
  @Test
  void whatAnOrderedConsumerDropsIsNotProcessed() throws Exception {
    assumeThat(
            stream(Class.forName("io.nats.client.impl.OrderedMessageManager").getDeclaredMethods())
                .map(Method::getName))
        .as("older ones notice gaps, but no silence")
        .contains("handleHeartbeatError");
    JetStreamSubscription subscription =
        jetStream.subscribe(
            "chat.*",
            PushSubscribeOptions.builder()
                .ordered(true)
                .messageAlarmTime(1500)
                .configuration(ConsumerConfiguration.builder().idleHeartbeat(500).build())
                .build());
    for (int i = 0; i < 5; i++) {
      jetStream.publish("chat.a", HELLO);
    }
    String first = subscription.getConsumerInfo().getName();
    await().until(() -> subscription.getPendingMessageCount() >= 5);
    nats.jetStreamManagement().deleteConsumer("CHAT", first);
    await("made again").until(() -> subscription.getPendingMessageCount() >= 10);
    for (int i = 0; i < 5; i++) {
      assertThat(subscription.nextMessage(TIMEOUT)).isNotNull();
    }
    assertTraces("publish chat.* PRODUCER\n  process chat.* CONSUMER\n".repeat(5));
  }

  @Test
  void aMessageDroppedWhileInProgressEnds() throws Exception {
    jetStream.publish("chat.a", HELLO);
    jetStream.getConsumerContext("CHAT", "reader").next(TIMEOUT).inProgress();
    await()
        .atMost(TIMEOUT)
        .untilAsserted(
            () -> {
              System.gc();
              assertThat(Telemetry.tree())
                  .isEqualTo(
                      """
                      publish chat.* PRODUCER
                        process chat.* CONSUMER none
                          settle chat.* CLIENT in_progress
                      """);
            });
  }

  @Test
  void noSpanForStatusFramesAndTheApi() throws Exception {
    JetStreamSubscription subscription =
        jetStream.subscribe(null, PullSubscribeOptions.bind("CHAT", "reader"));
    assertThat(subscription.fetch(10, Duration.ofSeconds(1))).isEmpty();
    assertThat(nats.jetStreamManagement().getStreamInfo("CHAT").getStreamState().getMsgCount())
        .isZero();
    assertTraces("");
  }

  @Test
  void aStoredValueIsLinkedToWhoWatchesIt() throws Exception {
    nats.keyValueManagement()
        .create(
            KeyValueConfiguration.builder().name("rooms").storageType(StorageType.Memory).build());
    KeyValue rooms = nats.keyValue("rooms");
    Telemetry.reset();
    rooms.put("a", HELLO);
    assertThat(rooms.get("a").getValue()).isEqualTo(HELLO);
    assertThat(rooms.keys()).containsExactly("a");
    BlockingQueue<String> watched = new LinkedBlockingQueue<>();
    rooms.watchAll(
        new io.nats.client.api.KeyValueWatcher() {
          @Override
          public void watch(io.nats.client.api.KeyValueEntry entry) {
            watched.add(entry.getKey());
          }

          @Override
          public void endOfData() {}
        });
    assertThat(watched.poll(20, TimeUnit.SECONDS)).isEqualTo("a");
    assertTraces(
        """
        publish $KV.rooms.> PRODUCER
        get $KV.rooms.> CLIENT ~> publish $KV.rooms.>
        process $KV.rooms.> CONSUMER ~> publish $KV.rooms.>
        """);
    nats.keyValueManagement().delete("rooms");
  }
}
