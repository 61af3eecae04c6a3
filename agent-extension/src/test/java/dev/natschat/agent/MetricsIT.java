package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.Dispatcher;
import io.nats.client.JetStreamSubscription;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.ServerPool;
import io.nats.client.StatisticsCollector;
import io.nats.client.Subscription;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.NatsServerPool;
import io.nats.client.support.NatsUri;
import java.lang.ref.WeakReference;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What is counted and measured, whether or not it is sampled. */
@SuppressWarnings("try")
class MetricsIT extends TracedTest {
  private static final String SENT = "messaging.client.sent.messages";
  private static final String CONSUMED = "messaging.client.consumed.messages";
  private static final String OPERATION = "messaging.client.operation.duration";
  private static final String PROCESS = "messaging.process.duration";
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  private final BlockingQueue<Message> handled = new LinkedBlockingQueue<>();

  @Test
  void aMessageIsCountedWhereItIsSentAndWhereItIsHandled() throws Exception {
    nats.createDispatcher(handled::add).subscribe("chat.*", "readers");
    nats.publish("chat.a", HELLO);
    nats.publish("chat.b", HELLO);
    take();
    take();
    Map<String, Object> publish = attributes("publish", "send", "chat.*");
    Map<String, Object> process = attributes("process", "process", "chat.*");
    process.put("messaging.consumer.group.name", "readers");
    await()
        .untilAsserted(() -> assertThat(Telemetry.metric(PROCESS)).isEqualTo(Map.of(process, 2L)));
    assertThat(Telemetry.metric(SENT)).isEqualTo(Map.of(publish, 2L));
    assertThat(Telemetry.metric(OPERATION)).isEqualTo(Map.of(publish, 2L));
    assertThat(Telemetry.metric(CONSUMED)).isEqualTo(Map.of(process, 2L));
  }

  @Test
  void unitsAndBucketsAreThoseOfTheConventions() throws Exception {
    nats.publish("chat.a", HELLO);
    var duration = Telemetry.definition(OPERATION);
    assertThat(duration.getUnit()).isEqualTo("s");
    assertThat(duration.getHistogram().getDataPoints(0).getExplicitBoundsList())
        .containsExactly(
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0);
    assertThat(Telemetry.definition(SENT).getUnit()).isEqualTo("{message}");
  }

  @Test
  void aRequestIsMeasuredUntilItsReplyAndTheAnswerUntilItIsSent() throws Exception {
    Dispatcher dispatcher = nats.createDispatcher();
    dispatcher.subscribe("chat.ask", message -> nats.publish(message.getReplyTo(), HELLO));
    assertThat(nats.request("chat.ask", HELLO, TIMEOUT)).isNotNull();
    Map<String, Object> request = attributes("request", "send", "chat.*");
    Map<String, Object> answer = attributes("process", "process", "chat.*");
    Map<String, Object> reply = attributes("publish", "send", null);
    reply.put("messaging.destination.temporary", true);
    await()
        .untilAsserted(() -> assertThat(Telemetry.metric(PROCESS)).isEqualTo(Map.of(answer, 1L)));
    assertThat(Telemetry.metric(SENT)).isEqualTo(Map.of(request, 1L, reply, 1L));
    assertThat(Telemetry.metric(OPERATION)).isEqualTo(Map.of(request, 1L, reply, 1L));
    assertThat(Telemetry.metric(CONSUMED)).isEqualTo(Map.of(answer, 1L));
  }

  @Test
  void whatFailsSaysWhy() throws Exception {
    assertThat(nats.request("chat.nobody", HELLO, TIMEOUT)).isNull();
    nats.createDispatcher(
            message -> {
              throw new IllegalStateException("broken");
            })
        .subscribe("chat.broken");
    nats.publish("chat.broken", HELLO);
    Map<String, Object> request = attributes("request", "send", "chat.*");
    request.put("error.type", "no_responders");
    Map<String, Object> process = attributes("process", "process", "chat.*");
    process.put("error.type", "java.lang.IllegalStateException");
    await()
        .untilAsserted(() -> assertThat(Telemetry.metric(PROCESS)).isEqualTo(Map.of(process, 1L)));
    assertThat(Telemetry.metric(OPERATION)).containsEntry(request, 1L);
    assertThat(Telemetry.metric(SENT)).containsEntry(request, 1L);
  }

  @Test
  void aPulledMessageIsReceivedProcessedAndSettled() throws Exception {
    JetStreamSubscription subscription = subscribeToPull();
    Telemetry.reset();
    nats.jetStream().publish("chat.pulled", HELLO);
    subscription.fetch(1, TIMEOUT).get(0).ack();
    Map<String, Object> publish = attributes("publish", "send", "chat.*");
    Map<String, Object> receive = attributes("receive", "receive", "chat.*");
    Map<String, Object> process = attributes("process", "process", "chat.*");
    Map<String, Object> settle = attributes("settle", "settle", "chat.*");
    assertThat(Telemetry.metric(SENT)).isEqualTo(Map.of(publish, 1L));
    assertThat(Telemetry.metric(CONSUMED)).isEqualTo(Map.of(receive, 1L));
    assertThat(Telemetry.metric(OPERATION)).isEqualTo(Map.of(publish, 1L, receive, 1L, settle, 1L));
    assertThat(Telemetry.metric(PROCESS)).isEqualTo(Map.of(process, 1L));
    nats.jetStreamManagement().deleteStream("METRICS");
  }

  private JetStreamSubscription subscribeToPull() throws Exception {
    nats.jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name("METRICS")
                .subjects("chat.pulled")
                .storageType(StorageType.Memory)
                .build());
    return nats.jetStream()
        .subscribe("chat.pulled", PullSubscribeOptions.builder().durable("reader").build());
  }

  /** When its processing ended, nobody knows. */
  @Test
  void aMessageThatIsDroppedUnsettledHasNoDuration() throws Exception {
    JetStreamSubscription subscription = subscribeToPull();
    nats.jetStream().publish("chat.pulled", HELLO);
    subscription.fetch(1, TIMEOUT).get(0).inProgress();
    await()
        .untilAsserted(
            () -> {
              System.gc();
              assertThat(Telemetry.tree()).contains("process chat.* CONSUMER none");
            });
    assertThat(Telemetry.metric(PROCESS)).isEmpty();
    nats.jetStreamManagement().deleteStream("METRICS");
  }

  @Test
  void subjectsWithoutTemplateDoNotBecomeSeries() throws Exception {
    for (int i = 0; i < 100; i++) {
      nats.publish("orders." + i, HELLO);
    }
    assertThat(Telemetry.metric(SENT)).isEqualTo(Map.of(attributes("publish", "send", null), 100L));
  }

  /** Then it returns from close before it is closed, and works on. */
  @Test
  void aConnectionThatIsClosedWhileItDrainsIsCountedUntilItIsClosed() throws Exception {
    Connection other = Nats.connect(options().build());
    CountDownLatch drained = new CountDownLatch(1);
    other
        .createDispatcher(
            message -> {
              assertThat(drained.await(20, TimeUnit.SECONDS)).isTrue();
              other.publish("chat.late", new byte[100_000]);
            })
        .subscribe("chat.a");
    other.flush(TIMEOUT);
    nats.publish("chat.a", HELLO);
    await()
        .untilAsserted(
            () ->
                assertThat(Telemetry.metric("nats.client.connections").get(server())).isEqualTo(2));
    CompletableFuture<Boolean> drain = other.drain(TIMEOUT);
    other.close();
    drained.countDown();
    assertThat(drain.get(20, TimeUnit.SECONDS)).isTrue();
    await()
        .untilAsserted(
            () ->
                assertThat(Telemetry.metric("nats.client.connections").get(server())).isEqualTo(1));
    Map<String, Object> out = server();
    out.put("network.io.direction", "transmit");
    assertThat(Telemetry.metric("nats.client.io.bytes").get(out)).isGreaterThan(100_000L);
  }

  @Test
  void whatJnatsCountsItselfIsTold() throws Exception {
    Connection other = Nats.connect(options().build());
    Map<String, Object> server = server();
    await()
        .untilAsserted(
            () -> assertThat(Telemetry.metric("nats.client.connections")).containsKey(server));
    nats.publish("chat.a", HELLO);
    nats.flush(TIMEOUT);
    Map<String, Object> out = server();
    out.put("network.io.direction", "transmit");
    other.close();
    await()
        .untilAsserted(
            () -> {
              assertThat(Telemetry.metric("nats.client.io.messages").get(out)).isPositive();
              assertThat(Telemetry.metric("nats.client.io.bytes").get(out)).isGreaterThan(5L);
            });
  }

  @Test
  void aClosedConnectionIsNoLongerCounted() throws Exception {
    await()
        .untilAsserted(
            () ->
                assertThat(Telemetry.metric("nats.client.connections"))
                    .containsEntry(server(), 1L));
    nats.close();
    assertThat(Telemetry.metric("nats.client.connections").get(server())).isZero();
  }

  /** An application may count by itself, and not everything. */
  @Test
  void statisticsThatThrowNeitherMakeConnectionsFewerNorKeepThem() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    StatisticsCollector throwing =
        (StatisticsCollector)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {StatisticsCollector.class},
                (proxy, method, arguments) -> {
                  if (method.getReturnType() == long.class) {
                    asked.incrementAndGet();
                    throw new UnsupportedOperationException(method.getName());
                  }
                  return null;
                });
    Connection other = Nats.connect(options().statisticsCollector(throwing).build());
    await().until(() -> asked.get() > 2);
    assertThat(Telemetry.metric("nats.client.connections")).containsEntry(server(), 1L);
    other.close();
    WeakReference<Connection> closed = new WeakReference<>(other);
    other = null;
    await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(
            () -> {
              System.gc();
              assertThat(closed.get()).isNull();
            });
  }

  /** jnats closes what cannot connect, unless something of the application throws meanwhile. */
  @Test
  void whatCouldNotConnectIsForgotten() throws Exception {
    nats.close();
    await().until(() -> !Connections.areOpen());
    ServerPool throwing =
        new NatsServerPool() {
          @Override
          public NatsUri nextServer() {
            throw new IllegalStateException("no server now");
          }
        };
    assertThatThrownBy(() -> Nats.connect(options().serverPool(throwing).build()))
        .isInstanceOf(IllegalStateException.class);
    assertThat(Connections.areOpen()).isFalse();
  }

  @Test
  void aSlowConsumerAndWhatItDropsAreCounted() throws Exception {
    Subscription slow = nats.subscribe("chat.slow");
    slow.setPendingLimits(1, 1_000_000);
    for (int i = 0; i < 10; i++) {
      nats.publish("chat.slow", HELLO);
    }
    nats.flush(TIMEOUT);
    await()
        .untilAsserted(
            () -> {
              assertThat(Telemetry.metric("nats.client.slow_consumers"))
                  .isEqualTo(Map.of(server(), 1L));
              assertThat(Telemetry.metric("nats.client.dropped.messages"))
                  .isEqualTo(Map.of(server(), 9L));
            });
  }

  @Test
  void whatWaitsForAnAnswerIsCounted() throws Exception {
    nats.subscribe("chat.silent");
    var reply = nats.requestWithTimeout("chat.silent", HELLO, TIMEOUT);
    await()
        .untilAsserted(
            () ->
                assertThat(Telemetry.metric("nats.client.requests.outstanding"))
                    .containsEntry(server(), 1L));
    assertThat(reply.cancel(true)).isTrue();
  }

  @Test
  void aJetStreamPublishThatWaitsForItsAckIsCounted() throws Exception {
    nats.subscribe("chat.silent");
    nats.flush(TIMEOUT);
    // So long jnats waits for the ack.
    try (Connection patient = Nats.connect(options().requestCleanupInterval(TIMEOUT).build())) {
      var ack = patient.jetStream().publishAsync("chat.silent", HELLO);
      await()
          .untilAsserted(
              () ->
                  assertThat(Telemetry.metric("nats.client.requests.outstanding"))
                      .containsEntry(server(), 1L));
      assertThat(ack).isNotDone();
    }
  }

  @Test
  void aConnectionMadeAgainIsCounted() throws Exception {
    NatsServer own = NatsServer.start();
    Connection other = Nats.connect(own.options().maxReconnects(-1).build());
    own.close();
    try (NatsServer again = NatsServer.startAt(own.port());
        other) {
      Map<String, Object> server = server();
      server.put("server.port", (long) again.port());
      await()
          .atMost(TIMEOUT)
          .untilAsserted(
              () ->
                  assertThat(Telemetry.metric("nats.client.reconnects"))
                      .isEqualTo(Map.of(server, 1L)));
    }
  }

  private static Map<String, Object> server() {
    Map<String, Object> attributes = new HashMap<>();
    attributes.put("server.address", "127.0.0.1");
    attributes.put("server.port", (long) server.port());
    return attributes;
  }

  private static Map<String, Object> attributes(
      String verb, String type, @Nullable String template) {
    Map<String, Object> attributes = server();
    attributes.put("messaging.system", "nats");
    attributes.put("messaging.operation.name", verb);
    attributes.put("messaging.operation.type", type);
    if (template != null) {
      attributes.put("messaging.destination.template", template);
    }
    return attributes;
  }

  private void take() throws InterruptedException {
    assertThat(handled.poll(20, TimeUnit.SECONDS)).isNotNull();
  }
}
