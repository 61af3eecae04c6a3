package dev.natschat.agent;

import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_CONSUMER;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nats.client.ConsumerContext;
import io.nats.client.JetStream;
import io.nats.client.Message;
import io.nats.client.Subscription;
import io.nats.client.api.AckPolicy;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.opentelemetry.api.trace.Span;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Batches, by the method that otel.instrumentation.jnats.batch-process-methods names. */
@SuppressWarnings("try")
class BatchIT extends TracedTest {
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  private JetStream jetStream;
  private ConsumerContext consumer;
  private final Worker worker = new Worker();

  /** Stands for persist-worker: one statement for all, then each message is settled. */
  static final class Worker {
    Consumer<Message> settle = Message::ack;

    void persist(List<Message> batch) {
      if (!batch.isEmpty()) {
        span("INSERT");
      }
      batch.forEach(settle);
    }

    void persist(Iterable<Message> batch) {
      batch.forEach(settle);
    }

    void persist(List<Message> batch, int attempt) {
      if (attempt > 1) {
        throw new IllegalStateException("no database");
      }
      persist(batch.subList(0, 1));
      persist(batch.subList(1, batch.size()));
    }
  }

  @BeforeEach
  void createStream() throws Exception {
    nats.jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name("CHAT")
                .subjects("chat.*", "admin.*")
                .storageType(StorageType.Memory)
                .build());
    nats.jetStreamManagement()
        .addOrUpdateConsumer(
            "CHAT",
            ConsumerConfiguration.builder()
                .durable("worker")
                .ackPolicy(AckPolicy.Explicit)
                .ackWait(Duration.ofSeconds(60))
                .build());
    jetStream = nats.jetStream();
    consumer = jetStream.getConsumerContext("CHAT", "worker");
    Telemetry.reset();
  }

  @AfterEach
  void deleteStream() throws Exception {
    nats.jetStreamManagement().deleteStream("CHAT");
  }

  @Test
  void aBatchOfOneIsProcessedInTheTraceOfItsMessage() throws Exception {
    jetStream.publish("chat.a", HELLO);
    worker.persist(fetch(1));
    assertThat(Span.current().getSpanContext().isValid()).isFalse();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
            INSERT
            settle chat.* CLIENT ack
        """);
  }

  @Test
  void aMessageSettledAfterItsBatchOfOneStaysInItsTrace() throws Exception {
    jetStream.publish("chat.a", HELLO);
    List<Message> batch = fetch(1);
    worker.settle = message -> {};
    worker.persist(batch);
    batch.get(0).ack();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
            INSERT
            settle chat.* CLIENT ack
        """);
  }

  @Test
  void aBatchOfManyHasOneSpanLinkedToEachMessage() throws Exception {
    publish(3);
    worker.persist(fetch(3));
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch
        process chat.* CONSUMER batch of 3 ~> publish chat.*, publish chat.*, publish chat.*
          INSERT
        """);
    var batch =
        Telemetry.spans().stream()
            .filter(span -> Telemetry.attributes(span).containsKey("messaging.batch.message_count"))
            .findFirst()
            .orElseThrow();
    assertThat(Telemetry.attributes(batch))
        .isEqualTo(
            Map.ofEntries(
                Map.entry("messaging.system", "nats"),
                Map.entry("messaging.operation.name", "process"),
                Map.entry("messaging.operation.type", "process"),
                Map.entry("messaging.destination.template", "chat.*"),
                Map.entry("messaging.batch.message_count", 3L),
                Map.entry("messaging.consumer.name", "worker"),
                Map.entry("messaging.nats.stream", "CHAT"),
                Map.entry("server.address", "127.0.0.1"),
                Map.entry("server.port", (long) server.port())));
  }

  @Test
  void everyOutcomeIsToldBySpanOfTheMessage() throws Exception {
    publish(2);
    List<Message> batch = fetch(2);
    worker.settle = message -> {};
    worker.persist(batch);
    batch.get(0).nak();
    batch.get(1).inProgress();
    batch.get(1).term();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER nak ~> batch
        publish chat.* PRODUCER
          process chat.* CONSUMER ERROR term term ~> batch
        process chat.* CONSUMER batch of 2 ~> publish chat.*, publish chat.*
          INSERT
        """);
  }

  @Test
  void aBatchOfSeveralTemplatesIsNamedByItsStream() throws Exception {
    jetStream.publish("chat.a", HELLO);
    jetStream.publish("admin.a", HELLO);
    worker.persist(fetch(2));
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch
        publish admin.* PRODUCER
          process admin.* CONSUMER ack ~> batch
        process CHAT CONSUMER batch of 2 ~> publish chat.*, publish admin.*
          INSERT
        """);
  }

  @Test
  void aBatchTriedAgainKeepsTheSpansOfItsMessages() throws Exception {
    publish(2);
    List<Message> batch = fetch(2);
    assertThatThrownBy(() -> worker.persist(batch, 2)).hasMessage("no database");
    worker.persist(batch);
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch, batch
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch, batch
        process chat.* CONSUMER ERROR java.lang.IllegalStateException batch of 2 ~> publish chat.*, publish chat.*
        process chat.* CONSUMER batch of 2 ~> publish chat.*, publish chat.*
          INSERT
        """);
  }

  /** https://opentelemetry.io/docs/specs/semconv/general/recording-errors/ */
  @Test
  void anErrorThatWasMendedByAnotherTryIsNone() throws Exception {
    publish(3);
    List<Message> batch = fetch(3);
    assertThatThrownBy(() -> worker.persist(batch, 2)).hasMessage("no database");
    for (Message message : batch) {
      assertThatThrownBy(() -> worker.persist(List.of(message), 2)).hasMessage("no database");
    }
    worker.persist(batch.subList(0, 1));
    batch.get(1).nak();
    batch.get(2).term();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch
            INSERT
        publish chat.* PRODUCER
          process chat.* CONSUMER ERROR java.lang.IllegalStateException nak ~> batch
        publish chat.* PRODUCER
          process chat.* CONSUMER ERROR term term ~> batch
        process chat.* CONSUMER ERROR java.lang.IllegalStateException batch of 3 ~> publish chat.*, publish chat.*, publish chat.*
        """);
    assertThat(errors("messaging.process.duration"))
        .containsExactlyInAnyOrder("none", "java.lang.IllegalStateException", "term");
  }

  private static List<Object> errors(String metric) {
    return Telemetry.metric(metric).keySet().stream()
        .map(attributes -> attributes.getOrDefault("error.type", "none"))
        .toList();
  }

  @Test
  void aBatchSplitInsideIsStillOneBatch() throws Exception {
    publish(2);
    worker.persist(fetch(2), 1);
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch
        process chat.* CONSUMER batch of 2 ~> publish chat.*, publish chat.*
          INSERT
          INSERT
        """);
  }

  @Test
  void aHandlerThatCallsABatchMethodProcessesItsMessageOnce() throws Exception {
    jetStream.subscribe(
        "chat.*", nats.createDispatcher(), message -> worker.persist(List.of(message)), false);
    Telemetry.reset();
    publish(1);
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
            INSERT
            settle chat.* CLIENT ack
        """);
  }

  /** Of the application's own: with what it knows of a message beside what jnats does. */
  private static Message wrapped(Message message) {
    return (Message)
        Proxy.newProxyInstance(
            Message.class.getClassLoader(),
            new Class<?>[] {Message.class},
            (wrapper, method, arguments) -> method.invoke(message, arguments));
  }

  @Test
  void messagesThatTheApplicationHasWrappedAreProcessedOnce() throws Exception {
    publish(3);
    worker.persist(fetch(2).stream().map(BatchIT::wrapped).toList());
    worker.persist(List.of(wrapped(fetch(1).get(0))));
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch
        publish chat.* PRODUCER
          process chat.* CONSUMER ack ~> batch
        publish chat.* PRODUCER
          process chat.* CONSUMER
            INSERT
            settle chat.* CLIENT ack
        process chat.* CONSUMER batch of 2 ~> publish chat.*, publish chat.*
          INSERT
        """);
  }

  @Test
  void soIsOneThatAHandlerWraps() throws Exception {
    jetStream.subscribe(
        "chat.*",
        nats.createDispatcher(),
        message -> worker.persist(List.of(wrapped(message))),
        false);
    Telemetry.reset();
    publish(1);
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
            INSERT
            settle chat.* CLIENT ack
        """);
  }

  @Test
  void messagesNeverSettledEndWhenTheyAreDropped() throws Exception {
    publish(2);
    worker.settle = message -> {};
    worker.persist(fetch(2));
    org.awaitility.Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(
            () -> {
              System.gc();
              worker.persist(List.of());
              assertThat(Telemetry.tree())
                  .isEqualTo(
                      """
                      publish chat.* PRODUCER
                        process chat.* CONSUMER none ~> batch
                      publish chat.* PRODUCER
                        process chat.* CONSUMER none ~> batch
                      process chat.* CONSUMER batch of 2 ~> publish chat.*, publish chat.*
                        INSERT
                      """);
            });
  }

  @Test
  void whatCanBeReadOnceIsLeftToTheApplication() throws Exception {
    publish(2);
    Iterator<Message> once = fetch(2).iterator();
    worker.persist(() -> once);
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ack
            settle chat.* CLIENT ack
        publish chat.* PRODUCER
          process chat.* CONSUMER ack
            settle chat.* CLIENT ack
        """);
  }

  @Test
  void messagesThatCannotBeSettledEndWithTheirBatch() throws Exception {
    Subscription subscription = nats.subscribe("core.*");
    List<Message> kept = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      nats.publish("core.a", HELLO);
      kept.add(subscription.nextMessage(Duration.ofSeconds(20)));
    }
    worker.persist(kept);
    assertTraces(
        """
        publish PRODUCER
          process core.* CONSUMER ~> batch
        publish PRODUCER
          process core.* CONSUMER ~> batch
        process core.* CONSUMER batch of 2 ~> publish, publish
          INSERT
        """);
    assertThat(kept).hasSize(2);
  }

  @Test
  void aMessageSpanLastsFromReceiptToSettlement() throws Exception {
    publish(2);
    worker.persist(fetch(2));
    var batch =
        Telemetry.spans().stream()
            .filter(span -> Telemetry.attributes(span).containsKey("messaging.batch.message_count"))
            .findFirst()
            .orElseThrow();
    assertThat(Telemetry.spans())
        .filteredOn(span -> span.getKind() == SPAN_KIND_CONSUMER && !span.equals(batch))
        .hasSize(2)
        .allMatch(span -> span.getStartTimeUnixNano() < batch.getStartTimeUnixNano());
  }

  private void publish(int count) throws Exception {
    for (int i = 0; i < count; i++) {
      jetStream.publish("chat.a", HELLO);
    }
  }

  /** One by one: a fetch of an old jnats may end before its last message, and lose it. */
  private List<Message> fetch(int count) throws Exception {
    List<Message> messages = new ArrayList<>();
    while (messages.size() < count) {
      messages.add(consumer.next());
    }
    return messages;
  }
}
