package dev.natschat.agent;

import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_CLIENT;
import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_CONSUMER;
import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_PRODUCER;
import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.Dispatcher;
import io.nats.client.Message;
import io.nats.client.MessageHandler;
import io.nats.client.Nats;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.Subscription;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import io.nats.client.support.NatsRequestCompletableFuture;
import io.opentelemetry.proto.trace.v1.Span;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What the tests of the agent's own nats module ask for and this extension keeps. Where it differs
 * on purpose is a table in the README; captured headers, which are a setting, are {@link
 * ForkedIT}'s.
 */
@SuppressWarnings({"try", "FutureReturnValueIgnored"})
class StockExpectationsIT extends TracedTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final Duration SHORT = Duration.ofMillis(200);
  private static final byte[] BODY = {0};

  interface Call {
    Object on(Connection nats) throws Exception;
  }

  private static NatsMessage message(@Nullable Headers headers) {
    return NatsMessage.builder().subject("chat.a").headers(headers).data(BODY).build();
  }

  private static final Map<String, Call> publishes = new LinkedHashMap<>();
  private static final Map<String, Call> requests = new LinkedHashMap<>();
  private static final Map<String, Call> requestFutures = new LinkedHashMap<>();
  private static final Map<String, Call> requestsWithTimeout = new LinkedHashMap<>();

  private interface Publish {
    void on(Connection nats);
  }

  private static void publish(String arguments, Publish publish) {
    publishes.put(
        arguments,
        nats -> {
          publish.on(nats);
          return arguments;
        });
  }

  static {
    Headers none = new Headers();
    publish("subject, body", nats -> nats.publish("chat.a", BODY));
    publish("subject, headers, body", nats -> nats.publish("chat.a", none, BODY));
    publish("subject, reply, body", nats -> nats.publish("chat.a", "chat.reply", BODY));
    publish(
        "subject, reply, headers, body", nats -> nats.publish("chat.a", "chat.reply", none, BODY));
    publish("message", nats -> nats.publish(message(null)));
    publish("message with headers", nats -> nats.publish(message(none)));
    requests.put("subject, body", nats -> nats.request("chat.a", BODY, TIMEOUT));
    requests.put("subject, headers, body", nats -> nats.request("chat.a", none, BODY, TIMEOUT));
    requests.put("message", nats -> nats.request(message(null), TIMEOUT));
    requests.put("message with headers", nats -> nats.request(message(none), TIMEOUT));
    requestFutures.put("subject, body", nats -> nats.request("chat.a", BODY));
    requestFutures.put("subject, headers, body", nats -> nats.request("chat.a", none, BODY));
    requestFutures.put("message", nats -> nats.request(message(null)));
    requestFutures.put("message with headers", nats -> nats.request(message(none)));
    requestsWithTimeout.put(
        "subject, body", nats -> nats.requestWithTimeout("chat.a", BODY, SHORT));
    requestsWithTimeout.put(
        "subject, headers, body", nats -> nats.requestWithTimeout("chat.a", none, BODY, SHORT));
    requestsWithTimeout.put("message", nats -> nats.requestWithTimeout(message(null), SHORT));
    requestsWithTimeout.put(
        "message with headers", nats -> nats.requestWithTimeout(message(none), SHORT));
  }

  private static Object call(Map<String, Call> calls, String arguments, Connection nats)
      throws Exception {
    return requireNonNull(calls.get(arguments)).on(nats);
  }

  static Stream<String> publishes() {
    return publishes.keySet().stream();
  }

  static Stream<String> requests() {
    return requests.keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("publishes")
  void aPublishIsUnderItsCallersSpanAndItsContextReachesTheReader(String arguments)
      throws Exception {
    Subscription reader = nats.subscribe("chat.a");
    inSpan("caller", () -> call(publishes, arguments, nats));
    Message read = reader.nextMessage(TIMEOUT);
    assertTraces(
        """
        caller
          publish chat.* PRODUCER
        """);
    Span publish = Telemetry.span("publish chat.*", SPAN_KIND_PRODUCER);
    assertTravelled(publish, read);
    assertDescribed(publish, "publish");
  }

  @ParameterizedTest
  @MethodSource("requests")
  void aRequestAndItsAnswerAreOneTrace(String arguments) throws Exception {
    Subscription reader = nats.subscribe("chat.a");
    echo();
    Object reply = inSpan("caller", () -> call(requests, arguments, nats));
    assertThat(((Message) reply).getData()).isEqualTo(BODY);
    assertAnswered(reader);
  }

  @ParameterizedTest
  @MethodSource("requests")
  void aRequestByFutureAndItsAnswerAreOneTrace(String arguments) throws Exception {
    Subscription reader = nats.subscribe("chat.a");
    echo();
    Object reply = inSpan("caller", () -> call(requestFutures, arguments, nats));
    assertAnswered(reader);
    assertThat((CompletableFuture<?>) reply).isCompletedWithValueMatching(m -> m != null);
  }

  private void assertAnswered(Subscription reader) throws Exception {
    assertTraces(
        """
        caller
          request chat.* CLIENT
            process chat.* SERVER
              publish (temporary) PRODUCER
        """);
    Span request = Telemetry.span("request chat.*", SPAN_KIND_CLIENT);
    assertTravelled(request, reader.nextMessage(TIMEOUT));
    assertDescribed(request, "request");
    assertThat(
            Telemetry.attributes(Telemetry.span("publish (temporary)", SPAN_KIND_PRODUCER))
                .get("messaging.destination.temporary"))
        .isEqualTo(true);
  }

  @ParameterizedTest
  @MethodSource("requests")
  void aRequestByFutureThatTimesOutIsAnError(String arguments) throws Exception {
    Subscription reader = nats.subscribe("chat.a");
    try (Connection impatient = impatient()) {
      Object reply = inSpan("caller", () -> call(requestsWithTimeout, arguments, impatient));
      assertTraces(
          """
          caller
            request chat.* CLIENT ERROR timeout
          """);
      assertThatThrownBy(() -> ((CompletableFuture<?>) reply).get(20, TimeUnit.SECONDS))
          .isInstanceOf(CancellationException.class);
      Span request = Telemetry.span("request chat.*", SPAN_KIND_CLIENT);
      assertTravelled(request, reader.nextMessage(TIMEOUT));
      assertDescribed(request, "request");
    }
  }

  @Test
  void aRequestThatTimesOutIsAnsweredByNull() throws Exception {
    Subscription reader = nats.subscribe("chat.a");
    assertThat(inSpan("caller", () -> nats.request("chat.a", BODY, SHORT) == null)).isTrue();
    assertTraces(
        """
        caller
          request chat.* CLIENT ERROR timeout
        """);
    assertTravelled(
        Telemetry.span("request chat.*", SPAN_KIND_CLIENT), reader.nextMessage(TIMEOUT));
  }

  @Test
  void aDispatchersDefaultHandlerRunsUnderTheSender() throws Exception {
    Dispatcher dispatcher = nats.createDispatcher(message -> span("work")).subscribe("chat.a");
    publishTwiceToHandler();
    nats.closeDispatcher(dispatcher);
    assertThat(dispatcher.isActive()).isFalse();
  }

  @Test
  void aHandlerOfOneSubjectRunsUnderTheSender() throws Exception {
    handlerRunsUnderTheSender((dispatcher, handler) -> dispatcher.subscribe("chat.a", handler));
  }

  @Test
  void aHandlerOfAQueueGroupRunsUnderTheSender() throws Exception {
    handlerRunsUnderTheSender(
        (dispatcher, handler) -> dispatcher.subscribe("chat.a", "readers", handler));
  }

  private interface Subscribing {
    Subscription on(Dispatcher dispatcher, MessageHandler handler);
  }

  private void handlerRunsUnderTheSender(Subscribing subscribing) throws Exception {
    Dispatcher dispatcher = nats.createDispatcher();
    Subscription subscription = subscribing.on(dispatcher, message -> span("work"));
    publishTwiceToHandler();
    dispatcher.unsubscribe(subscription);
    assertThat(subscription.isActive()).isFalse();
    nats.closeDispatcher(dispatcher);
  }

  private void publishTwiceToHandler() throws Exception {
    nats.flush(TIMEOUT);
    inSpan(
        "caller",
        () -> {
          nats.publish(message(null));
          nats.publish(message(new Headers()));
          return null;
        });
    assertTraces(
        """
        caller
          publish chat.* PRODUCER
            process chat.* CONSUMER
              work
          publish chat.* PRODUCER
            process chat.* CONSUMER
              work
        """);
    Telemetry.spans().stream()
        .filter(span -> span.getKind() == SPAN_KIND_CONSUMER)
        .forEach(span -> assertDescribed(span, "process"));
  }

  @Test
  void everyHandlerOfAMessageIsUnderItsSender() throws Exception {
    nats.createDispatcher(message -> {}).subscribe("chat.a");
    Dispatcher other = nats.createDispatcher();
    other.subscribe("chat.a", message -> {});
    other.subscribe("chat.a", "readers", message -> {});
    inSpan("caller", () -> call(publishes, "message", nats));
    assertTraces(
        """
        caller
          publish chat.* PRODUCER
            process chat.* CONSUMER
            process chat.* CONSUMER
            process chat.* CONSUMER
        """);
  }

  @Test
  void aPublishIsMeasured() throws Exception {
    nats.publish("chat.a", BODY);
    Map<String, Object> publish = measured("publish", "send");
    assertThat(Telemetry.metric("messaging.client.sent.messages")).isEqualTo(Map.of(publish, 1L));
    assertThat(Telemetry.metric("messaging.client.operation.duration"))
        .isEqualTo(Map.of(publish, 1L));
    assertNoneOfTheOldMetrics();
  }

  @Test
  void aRequestThatFailsIsMeasuredAsSuch() throws Exception {
    nats.subscribe("chat.a");
    try (Connection impatient = impatient()) {
      call(requestsWithTimeout, "subject, body", impatient);
      Map<String, Object> request = measured("request", "send");
      request.put("error.type", "timeout");
      await()
          .atMost(TIMEOUT)
          .untilAsserted(
              () ->
                  assertThat(Telemetry.metric("messaging.client.operation.duration"))
                      .isEqualTo(Map.of(request, 1L)));
      assertThat(Telemetry.metric("messaging.client.sent.messages")).isEqualTo(Map.of(request, 1L));
    }
  }

  @Test
  void whatAHandlerDoesIsMeasured() throws Exception {
    nats.createDispatcher(message -> {}).subscribe("chat.a");
    nats.publish("chat.a", BODY);
    assertProcessed(measured("process", "process"));
  }

  @Test
  void aHandlerThatThrowsIsMeasuredAsSuch() throws Exception {
    nats.createDispatcher(
            message -> {
              throw new IllegalStateException("broken");
            })
        .subscribe("chat.a");
    nats.publish("chat.a", BODY);
    Map<String, Object> process = measured("process", "process");
    process.put("error.type", "java.lang.IllegalStateException");
    assertProcessed(process);
  }

  private static void assertProcessed(Map<String, Object> process) {
    await()
        .atMost(TIMEOUT)
        .untilAsserted(
            () ->
                assertThat(Telemetry.metric("messaging.process.duration"))
                    .isEqualTo(Map.of(process, 1L)));
    assertThat(Telemetry.metric("messaging.client.consumed.messages").values()).containsExactly(1L);
    assertNoneOfTheOldMetrics();
  }

  private static void assertNoneOfTheOldMetrics() {
    for (String old :
        new String[] {
          "messaging.publish.duration", "messaging.receive.duration", "messaging.receive.messages"
        }) {
      assertThat(Telemetry.metric(old)).isEmpty();
    }
  }

  /** Settling is a span of its own, whichever way; its body is the protocol's, and not told. */
  @Test
  @SuppressWarnings("PreferJavaTimeOverload")
  void ackSyncAndEveryNakWithDelayAreSettled() throws Exception {
    nats.jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name("STOCK")
                .subjects("chat.*")
                .storageType(StorageType.Memory)
                .build());
    var puller =
        nats.jetStream()
            .subscribe("chat.*", PullSubscribeOptions.builder().durable("reader").build());
    for (int i = 0; i < 4; i++) {
      nats.jetStream().publish("chat.a", BODY);
    }
    Telemetry.reset();
    puller.fetch(1, TIMEOUT).get(0).ackSync(TIMEOUT);
    puller.fetch(1, TIMEOUT).get(0).nakWithDelay(Duration.ofMinutes(5));
    puller.fetch(1, TIMEOUT).get(0).nakWithDelay(400_000L);
    Message last = puller.fetch(1, TIMEOUT).get(0);
    last.nakWithDelay(Duration.ZERO); // at once, as a nak
    assertThat(puller.fetch(1, TIMEOUT).get(0).metaData().streamSequence())
        .isEqualTo(last.metaData().streamSequence());
    nats.jetStreamManagement().deleteStream("STOCK");
    Map<Object, Long> settled =
        Telemetry.spans().stream()
            .filter(span -> span.getName().equals("settle chat.*"))
            .peek(span -> assertThat(span.getKind()).isEqualTo(SPAN_KIND_CLIENT))
            .collect(
                toMap(
                    span -> Telemetry.attributes(span).get("messaging.nats.outcome"),
                    span -> 1L,
                    Long::sum));
    assertThat(settled).isEqualTo(Map.of("ack", 1L, "nak", 3L));
  }

  @Test
  void aMessageThatIsNullIsRefusedAsEver() {
    assertThatThrownBy(() -> nats.request((Message) null, TIMEOUT))
        .isExactlyInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Message");
    assertThatThrownBy(() -> nats.request((Message) null))
        .isExactlyInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> nats.requestWithTimeout((Message) null, TIMEOUT))
        .isExactlyInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> nats.publish((Message) null))
        .isExactlyInstanceOf(IllegalArgumentException.class);
    assertTraces("");
  }

  /** A class of the application's that implements Connection, and asks nobody. */
  @Test
  void aConnectionThatIsNotOfJnatsIsLeftAlone() throws Exception {
    AtomicReference<Exception> failure = new AtomicReference<>();
    AtomicInteger calls = new AtomicInteger();
    Connection own =
        (Connection)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, arguments) -> {
                  calls.incrementAndGet();
                  if (failure.get() != null) {
                    throw failure.get();
                  }
                  return null;
                });
    for (Map<String, Call> overloads : overloadsOfRequest()) {
      for (Call call : overloads.values()) {
        assertThat(call.on(own)).isNull();
      }
    }
    failure.set(new InterruptedException("stop"));
    for (Call call : requests.values()) {
      assertThatThrownBy(() -> call.on(own)).isSameAs(failure.get());
    }
    failure.set(new IllegalStateException("broken"));
    for (Map<String, Call> overloads : overloadsOfRequest()) {
      for (Call call : overloads.values()) {
        assertThatThrownBy(() -> call.on(own)).isSameAs(failure.get());
      }
    }
    assertThat(calls).hasValue(12 + 4 + 12);
    assertTraces("");
  }

  private static Iterable<Map<String, Call>> overloadsOfRequest() {
    return List.of(requests, requestFutures, requestsWithTimeout);
  }

  @Test
  void aConnectionThatDelegatesToJnatsIsTracedOnce() throws Exception {
    Connection own =
        (Connection)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, arguments) -> {
                  try {
                    return method.invoke(nats, arguments);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                });
    assertThat(call(requests, "message", own)).isNull();
    assertTraces("request chat.* CLIENT ERROR no_responders\n");
  }

  @Test
  void aCancelledFutureIsCancelledForGood() throws Exception {
    CompletableFuture<Message> reply = silence();
    assertThat(reply.cancel(false)).isTrue();
    assertThat(reply.cancel(false)).isTrue();
    assertThat(reply).isCancelled();
    assertTraces("request chat.* CLIENT ERROR cancelled\n");
  }

  @Test
  void cancellingWhatDependsOnAFutureLeavesItAlone() throws Exception {
    CompletableFuture<Message> reply = silence();
    assertThat(reply.thenApply(Message::getSubject).cancel(false)).isTrue();
    assertThat(reply).isNotDone();
    assertThat(reply.complete(message(null))).isTrue();
    assertTraces("request chat.* CLIENT\n");
  }

  @Test
  void aFutureCompletedByTheApplicationKeepsItsValue() throws Exception {
    CompletableFuture<Message> reply = silence();
    Message own = message(null);
    assertThat(reply.complete(own)).isTrue();
    assertThat(reply.complete(message(null))).isFalse();
    assertThat(reply.cancel(false)).isFalse();
    assertThat(reply).isCompletedWithValue(own);
    assertTraces("request chat.* CLIENT\n");
  }

  @Test
  void aFutureFailedByTheApplicationKeepsItsFailure() throws Exception {
    CompletableFuture<Message> reply = silence();
    assertThat(reply.completeExceptionally(new IllegalStateException("own"))).isTrue();
    assertThat(reply.cancel(false)).isFalse();
    assertThatThrownBy(reply::join).hasRootCauseMessage("own");
    assertTraces("request chat.* CLIENT ERROR cancelled\n");
  }

  /** What callbacks take is not the request's time. */
  @Test
  void aRequestEndsBeforeItsCallbacksRun() throws Exception {
    CountDownLatch attached = new CountDownLatch(1);
    nats.createDispatcher(
            message -> {
              attached.await();
              nats.publish(message.getReplyTo(), BODY);
            })
        .subscribe("chat.a");
    CompletableFuture<?> done =
        inSpan("caller", () -> nats.request("chat.a", BODY).thenAccept(reply -> slowCallback()));
    attached.countDown();
    done.get(20, TimeUnit.SECONDS);
    assertTraces(
        """
        caller
          request chat.* CLIENT
            process chat.* SERVER
              publish (temporary) PRODUCER
          callback
        """);
    assertEndsBeforeTheCallback(Telemetry.span("request chat.*", SPAN_KIND_CLIENT));
  }

  @Test
  void aRequestThatTimesOutEndsBeforeItsCallbacksRun() throws Exception {
    nats.subscribe("chat.a");
    try (Connection impatient = impatient()) {
      CompletableFuture<?> done =
          inSpan(
              "caller",
              () -> {
                var asked = impatient.requestWithTimeout("chat.a", BODY, SHORT);
                return asked.handle(
                    (reply, thrown) -> {
                      slowCallback();
                      // As a connection does that closes meanwhile.
                      ((NatsRequestCompletableFuture) asked).cancelTimedOut();
                      return thrown;
                    });
              });
      assertThat(done.get(20, TimeUnit.SECONDS)).isInstanceOf(CancellationException.class);
    }
    assertTraces(
        """
        caller
          request chat.* CLIENT ERROR timeout
          callback
        """);
    assertEndsBeforeTheCallback(Telemetry.span("request chat.*", SPAN_KIND_CLIENT));
  }

  @Test
  void aCallbackThatFailsDoesNotReplaceTheResult() throws Exception {
    echo();
    CompletableFuture<Message> reply = nats.request("chat.a", BODY);
    CompletableFuture<?> broken =
        reply.thenAccept(
            message -> {
              throw new IllegalStateException("broken");
            });
    assertThat(reply.get(20, TimeUnit.SECONDS).getData()).isEqualTo(BODY);
    assertThatThrownBy(() -> broken.get(20, TimeUnit.SECONDS)).hasRootCauseMessage("broken");
    assertTraces(
        """
        request chat.* CLIENT
          process chat.* SERVER
            publish (temporary) PRODUCER
        """);
  }

  private static void slowCallback() {
    try {
      inSpan(
          "callback",
          () -> {
            Thread.sleep(50);
            return null;
          });
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static void assertEndsBeforeTheCallback(Span request) {
    Span callback =
        Telemetry.spans().stream()
            .filter(span -> span.getName().equals("callback"))
            .findFirst()
            .orElseThrow();
    assertThat(request.getEndTimeUnixNano()).isLessThan(callback.getEndTimeUnixNano());
  }

  /** A request that nobody answers. */
  private CompletableFuture<Message> silence() {
    nats.subscribe("chat.a");
    return nats.request("chat.a", BODY);
  }

  /**
   * Looks for requests that have timed out more often than every 5 s; what {@code nats} subscribed
   * to is known to the server before.
   */
  private Connection impatient() throws Exception {
    nats.flush(TIMEOUT);
    return Nats.connect(options().requestCleanupInterval(Duration.ofMillis(100)).build());
  }

  private void echo() throws Exception {
    nats.createDispatcher(message -> nats.publish(message.getReplyTo(), message.getData()))
        .subscribe("chat.a");
    nats.flush(TIMEOUT);
  }

  private static void assertTravelled(Span span, Message read) {
    assertThat(read.getHeaders().get("traceparent"))
        .singleElement()
        .asString()
        .startsWith(
            "00-"
                + HexFormat.of().formatHex(span.getTraceId().toByteArray())
                + "-"
                + HexFormat.of().formatHex(span.getSpanId().toByteArray())
                + "-");
  }

  private static void assertDescribed(Span span, String operation) {
    assertThat(Telemetry.attributes(span))
        .containsEntry("messaging.system", "nats")
        .containsEntry("messaging.operation.name", operation)
        .containsEntry("messaging.destination.name", "chat.a")
        .containsEntry("messaging.message.body.size", 1L)
        .doesNotContainKey("messaging.operation");
  }

  private static Map<String, Object> measured(String operation, String type) {
    return new LinkedHashMap<>(
        Map.of(
            "messaging.system",
            "nats",
            "messaging.operation.name",
            operation,
            "messaging.operation.type",
            type,
            "messaging.destination.template",
            "chat.*",
            "server.address",
            "127.0.0.1",
            "server.port",
            (long) server.port()));
  }
}
