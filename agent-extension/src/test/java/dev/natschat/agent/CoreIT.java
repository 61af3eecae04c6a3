package dev.natschat.agent;

import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_CLIENT;
import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_CONSUMER;
import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_PRODUCER;
import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_SERVER;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.Consumer;
import io.nats.client.Dispatcher;
import io.nats.client.ErrorListener;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.Subscription;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import io.nats.service.ServiceBuilder;
import io.nats.service.ServiceEndpoint;
import io.opentelemetry.api.baggage.Baggage;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Scope;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Core NATS: publish, handlers, request and reply. */
@SuppressWarnings("try")
class CoreIT extends TracedTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  private final BlockingQueue<Message> handled = new LinkedBlockingQueue<>();

  @Test
  void everyOverloadOfPublishIsOneSpan() throws Exception {
    subscribe("chat.*");
    Headers headers = new Headers().add("mine", "kept");
    nats.publish("chat.a", HELLO);
    nats.publish("chat.a", headers, HELLO);
    nats.publish("chat.a", "reply.to", HELLO);
    nats.publish("chat.a", "reply.to", headers, HELLO);
    nats.publish(NatsMessage.builder().subject("chat.a").headers(headers).data(HELLO).build());
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
        publish chat.* PRODUCER
          process chat.* CONSUMER
        publish chat.* PRODUCER
          process chat.* SERVER
        publish chat.* PRODUCER
          process chat.* SERVER
        publish chat.* PRODUCER
          process chat.* CONSUMER
        """);
  }

  @Test
  void spansSayWhatTheConventionsAsk() throws Exception {
    Dispatcher dispatcher = nats.createDispatcher(handled::add);
    dispatcher.subscribe("chat.*", "readers");
    nats.publish("chat.a", HELLO);
    take();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
        """);
    assertThat(Telemetry.attributes(Telemetry.span("publish chat.*", SPAN_KIND_PRODUCER)))
        .isEqualTo(
            Map.of(
                "messaging.system", "nats",
                "messaging.operation.name", "publish",
                "messaging.operation.type", "send",
                "messaging.destination.name", "chat.a",
                "messaging.destination.template", "chat.*",
                "messaging.message.body.size", 5L,
                "messaging.message.payload_size_bytes", 5L,
                "server.address", "127.0.0.1",
                "server.port", (long) server.port()));
    assertThat(Telemetry.attributes(Telemetry.span("process chat.*", SPAN_KIND_CONSUMER)))
        .isEqualTo(
            Map.of(
                "messaging.system", "nats",
                "messaging.operation.name", "process",
                "messaging.operation.type", "process",
                "messaging.destination.name", "chat.a",
                "messaging.destination.template", "chat.*",
                "messaging.message.body.size", 5L,
                "messaging.message.payload_size_bytes", 5L,
                "messaging.consumer.group.name", "readers",
                "server.address", "127.0.0.1",
                "server.port", (long) server.port()));
  }

  @Test
  void anAddressOfIpVersion6HasNoBrackets() throws Exception {
    int port = NatsServer.freePort();
    try (NatsServer both =
            NatsServer.start("websocket { listen: \"[::1]:%d\", no_tls: true }".formatted(port));
        Connection websocket = Nats.connect(NatsServer.options("ws://[::1]:" + port).build())) {
      websocket.publish("chat.a", HELLO);
    }
    assertThat(Telemetry.attributes(Telemetry.span("publish chat.*", SPAN_KIND_PRODUCER)))
        .containsEntry("server.address", "::1")
        .containsEntry("server.port", (long) port);
  }

  @Test
  void aSubjectWithoutTemplateStaysOutOfTheNameOfItsPublish() throws Exception {
    subscribe("orders.>");
    nats.publish("orders.4711.created", HELLO);
    assertTraces(
        """
        publish PRODUCER
          process orders.> CONSUMER
        """);
  }

  @Test
  void handlersRunInTheirSpanAndUnderTheSpanOfTheSender() throws Exception {
    Dispatcher dispatcher = nats.createDispatcher();
    dispatcher.subscribe("chat.a", message -> span("work"));
    inSpan(
        "send",
        () -> {
          nats.publish("chat.a", HELLO);
          return null;
        });
    assertTraces(
        """
        send
          publish chat.* PRODUCER
            process chat.* CONSUMER
              work
        """);
  }

  @Test
  void aDispatcherStartedInASpanIsNotUnderIt() throws Exception {
    inSpan("startup", () -> subscribe("chat.*"));
    publishUntraced("chat.a", "");
    take();
    assertTraces(
        """
        startup
        process chat.* CONSUMER
        """);
  }

  @Test
  void aHandlerOfADispatcherWithExecutorIsNotUnderWhoStartedIt() throws Exception {
    assumeThat(Nats.CLIENT_VERSION)
        .as("there is no such dispatcher before 2.20")
        .isNotIn("2.17.0", "2.17.7", "2.18.1", "2.19.1");
    try (Connection other = Nats.connect(options().useDispatcherWithExecutor().build())) {
      String inbox = other.createInbox();
      inSpan(
          "startup",
          () -> other.createDispatcher(m -> other.publish("chat.later", HELLO)).subscribe(inbox));
      other.flush(TIMEOUT);
      nats.publish(inbox, HELLO);
      assertTraces(
          """
          startup
          publish (temporary) PRODUCER
          publish chat.* PRODUCER
          """);
    }
  }

  /** Else the headers would be right, and as slow as jnats' own. */
  @Test
  void injectedHeadersWaitBesideTheMapsOfEveryJnatsThatKeepsThem() {
    assertThat(InjectedHeaders.mayWaitBeside())
        .as(Nats.CLIENT_VERSION)
        .isEqualTo(!List.of("2.17.0", "2.17.7", "2.18.1", "2.19.1").contains(Nats.CLIENT_VERSION));
  }

  @Test
  void anIdIsCut() throws Exception {
    subscribe("chat.*");
    nats.publish("chat.a", new Headers().add("Nats-Msg-Id", "x".repeat(10_000)), HELLO);
    take();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
        """);
    for (var span : Telemetry.spans()) {
      assertThat(Telemetry.attributes(span)).containsEntry("messaging.message.id", "x".repeat(256));
    }
  }

  @Test
  void aHandlerThatThrowsMakesItsSpanAnError() throws Exception {
    Dispatcher dispatcher = nats.createDispatcher();
    dispatcher.subscribe(
        "chat.*",
        message -> {
          handled.add(message);
          throw new IllegalArgumentException("poison");
        });
    nats.publish("chat.a", HELLO);
    take();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ERROR java.lang.IllegalArgumentException
        """);
  }

  /** Whoever sends chooses it; an old jnats takes such a message for a question. */
  @Test
  void aReplySubjectThatOnlyBeginsLikeJetStreamsHidesNoMessage() throws Exception {
    subscribe("chat.*");
    subscribe("orders.>");
    nats.publish("chat.a", "$JS.FC.a", HELLO);
    nats.publish("orders.1", "$JS.FC.b", HELLO);
    await()
        .atMost(TIMEOUT)
        .untilAsserted(
            () ->
                assertThat(Telemetry.tree().replace("SERVER", "CONSUMER"))
                    .isEqualTo(
                        """
                        publish chat.* PRODUCER
                          process chat.* CONSUMER
                        publish PRODUCER
                          process orders.> CONSUMER
                        """));
  }

  @Test
  void aHandlersExceptionThatCannotBeToldEndsItsSpanToo() throws Exception {
    Dispatcher dispatcher = nats.createDispatcher();
    dispatcher.subscribe(
        "chat.*",
        message -> {
          handled.add(message);
          throw new Untold();
        });
    nats.publish("chat.a", HELLO);
    nats.publish("chat.a", "nobody.replies", HELLO);
    take();
    take();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER ERROR dev.natschat.agent.CoreIT$Untold
        publish chat.* PRODUCER
          process chat.* SERVER ERROR dev.natschat.agent.CoreIT$Untold
        """);
  }

  private static final class Untold extends RuntimeException {
    private static final long serialVersionUID = 1;

    @Override
    public String getMessage() {
      throw new IllegalStateException("what it is about is gone");
    }
  }

  @Test
  void requestAndReplyAreFourEdges() throws Exception {
    answer("chat.*", HELLO);
    inSpan("ask", () -> nats.request("chat.a", HELLO, TIMEOUT));
    assertTraces(
        """
        ask
          request chat.* CLIENT
            process chat.* SERVER
              publish (temporary) PRODUCER
        """);
    assertThat(Telemetry.attributes(Telemetry.span("process chat.*", SPAN_KIND_SERVER)))
        .containsEntry("messaging.destination.name", "chat.a");
  }

  @Test
  void anAnsweringSpanLastsUntilAnotherThreadHasReplied() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(1);
    Dispatcher dispatcher = nats.createDispatcher();
    dispatcher.subscribe(
        "chat.*",
        message ->
            pool.execute(
                () -> {
                  span("SELECT");
                  nats.publish(
                      message.getReplyTo(),
                      new Headers().add("Nats-Service-Error-Code", "503"),
                      HELLO);
                }));
    nats.request("chat.a", HELLO, TIMEOUT);
    pool.shutdown();
    assertTraces(
        """
        request chat.* CLIENT ERROR 503
          process chat.* SERVER ERROR 503
            SELECT
            publish (temporary) PRODUCER
        """);
    assertThat(Telemetry.span("process chat.*", SPAN_KIND_SERVER).getEndTimeUnixNano())
        .isGreaterThanOrEqualTo(
            Telemetry.span("publish (temporary)", SPAN_KIND_PRODUCER).getEndTimeUnixNano());
  }

  @Test
  void anAnsweringSpanLastsUntilAnotherThreadHasAskedBack() throws Exception {
    answer("elsewhere.reply", HELLO);
    subscribe("chat.*");
    nats.publish("chat.a", "elsewhere.reply", HELLO);
    Message question = take();
    span("SELECT");
    nats.request(question.getReplyTo(), HELLO, TIMEOUT);
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* SERVER
            request (temporary) CLIENT
              process elsewhere.reply SERVER
                publish (temporary) PRODUCER
        SELECT
        """);
    assertThat(Telemetry.span("process chat.*", SPAN_KIND_SERVER).getEndTimeUnixNano())
        .isGreaterThanOrEqualTo(
            Telemetry.span("request (temporary)", SPAN_KIND_CLIENT).getStartTimeUnixNano());
  }

  @Test
  void anAnsweringSpanWithoutReplyEndsWhenItsHandlerReturned() throws Exception {
    subscribe("chat.*");
    nats.publish("chat.a", "nobody.replies", HELLO);
    take();
    nats.flush(TIMEOUT);
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* SERVER
        """);
    var span = Telemetry.span("process chat.*", SPAN_KIND_SERVER);
    assertThat(Duration.ofNanos(span.getEndTimeUnixNano() - span.getStartTimeUnixNano()))
        .isLessThan(Duration.ofSeconds(5));
  }

  @Test
  void aReplyFromAThreadWithoutContextFindsItsTrace() throws Exception {
    BlockingQueue<Message> questions = new LinkedBlockingQueue<>();
    nats.createDispatcher(questions::add).subscribe("chat.*");
    Subscription replies = nats.subscribe("elsewhere.reply");
    nats.publish("chat.a", "elsewhere.reply", HELLO);
    nats.publish(questions.take().getReplyTo(), HELLO);
    assertThat(replies.nextMessage(TIMEOUT)).isNotNull();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* SERVER
            publish (temporary) PRODUCER
        """);
  }

  @Test
  void futuresRunTheirCallbacksInTheContextOfTheCaller() throws Exception {
    answer("chat.*", HELLO);
    CompletableFuture<?> done =
        inSpan("ask", () -> nats.request("chat.a", HELLO).thenAccept(reply -> span("callback")));
    done.get(20, TimeUnit.SECONDS);
    assertTraces(
        """
        ask
          request chat.* CLIENT
            process chat.* SERVER
              publish (temporary) PRODUCER
          callback
        """);
  }

  /** The thread that closes is another one. */
  @Test
  void callbacksOfARequestWhoseConnectionClosesRunInTheContextOfTheCaller() throws Exception {
    subscribe("chat.*");
    CompletableFuture<?> done =
        inSpan(
            "ask",
            () ->
                nats.request("chat.a", HELLO)
                    .handle(
                        (reply, thrown) -> {
                          span("callback");
                          return thrown;
                        }));
    take();
    nats.close();
    assertThat(done.get(20, TimeUnit.SECONDS)).isInstanceOf(CancellationException.class);
    assertTraces(
        """
        ask
          request chat.* CLIENT ERROR cancelled
            process chat.* SERVER
          callback
        """);
  }

  @Test
  void aRequestNobodyAnswersIsAnError() throws Exception {
    assertThat(nats.request("chat.a", HELLO, TIMEOUT)).isNull();
    assertTraces("request chat.* CLIENT ERROR no_responders\n");
  }

  @Test
  void aRequestThatTimesOutIsAnErrorAndSentOnce() throws Exception {
    subscribe("chat.*");
    assertThat(nats.request("chat.a", HELLO, Duration.ofMillis(300))).isNull();
    nats.flush(TIMEOUT);
    take();
    assertTraces(
        """
        request chat.* CLIENT ERROR timeout
          process chat.* SERVER
        """);
    assertThat(handled).isEmpty();
  }

  @Test
  void aRequestThatItsCallerGivesSoMuchTimeTimesOut() throws Exception {
    Subscription deaf = nats.subscribe("chat.*");
    CompletableFuture<Message> reply = nats.request("chat.a", HELLO);
    assertThatThrownBy(() -> reply.orTimeout(100, TimeUnit.MILLISECONDS).join())
        .hasCauseInstanceOf(TimeoutException.class);
    deaf.unsubscribe();
    assertTraces("request chat.* CLIENT ERROR timeout\n");
  }

  /**
   * However soon after the end of its time the reply comes.
   *
   * @param told whether jnats, if it can, returns a message that says why there is no reply
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aRequestWhoseReplyComesAMomentTooLateTimesOut(boolean told) throws Exception {
    answer("chat.*", HELLO);
    Properties properties = new Properties();
    properties.setProperty("io.nats.client.advanced.request.behavior", String.valueOf(told));
    Connection asking = Nats.connect(options().properties(properties).build());
    long requests = 5000;
    long unanswered = 0;
    long nanos = 100_000;
    for (int i = 0; i < requests; i++) {
      Message reply = asking.request("chat.a", HELLO, Duration.ofNanos(nanos));
      boolean late = reply == null || !Arrays.equals(reply.getData(), HELLO);
      unanswered += late ? 1 : 0;
      nanos = late ? nanos * 10 / 9 : nanos * 9 / 10; // as long as the reply takes
    }
    asking.flush(TIMEOUT); // else the last ones may never be sent
    asking.close();
    assertThat(unanswered).isBetween(1L, requests - 1);
    await()
        .untilAsserted(
            () -> assertThat(count("messaging.process.duration", "process")).isEqualTo(requests));
    assertThat(Telemetry.metric("messaging.client.sent.messages"))
        .hasSize(3)
        .as("answered, not answered, and the replies")
        .containsValues(requests - unanswered, unanswered, requests);
  }

  @Test
  void whatIsDiscardedIsNotSent() throws Exception {
    AtomicInteger discarded = new AtomicInteger();
    NatsServer own = NatsServer.start();
    Options options =
        own.options()
            .maxReconnects(-1)
            .reconnectWait(Duration.ofMillis(100))
            .maxMessagesInOutgoingQueue(2)
            .discardMessagesWhenOutgoingQueueFull()
            .errorListener(
                new ErrorListener() {
                  @Override
                  public void messageDiscarded(Connection connection, Message message) {
                    nats.publish("admin.lost", HELLO); // before jnats 2.25.1 within that publish
                    discarded.incrementAndGet();
                  }
                })
            .build();
    try (Connection other = Nats.connect(options)) {
      own.close();
      await().until(() -> other.getStatus() != Connection.Status.CONNECTED);
      for (int i = 0; i < 5; i++) {
        other.publish("chat.a", HELLO);
      }
    }
    await()
        .untilAsserted(
            () -> {
              int lost = discarded.get();
              assertThat(lost).isBetween(3, 5);
              assertThat(Telemetry.tree().lines().sorted().collect(joining("\n", "", "\n")))
                  .isEqualTo(
                      "publish admin.* PRODUCER\n".repeat(lost)
                          + "publish chat.* PRODUCER\n".repeat(5 - lost)
                          + "publish chat.* PRODUCER ERROR discarded\n".repeat(lost));
            });
  }

  @Test
  void aReplyThatSaysItIsAnErrorMakesBothSidesErrors() throws Exception {
    Dispatcher dispatcher = nats.createDispatcher();
    dispatcher.subscribe(
        "chat.*",
        message ->
            nats.publish(
                message.getReplyTo(),
                new Headers()
                    .add("Nats-Service-Error", "no database")
                    .add("Nats-Service-Error-Code", "503"),
                "[]".getBytes(UTF_8)));
    nats.request("chat.a", HELLO, TIMEOUT);
    assertTraces(
        """
        request chat.* CLIENT ERROR 503
          process chat.* SERVER ERROR 503
            publish (temporary) PRODUCER
        """);
  }

  @Test
  void aListenerIsNotUnderWhoConnected() throws Exception {
    CountDownLatch told = new CountDownLatch(1);
    Options options =
        options()
            .errorListener(
                new ErrorListener() {
                  @Override
                  public void slowConsumerDetected(Connection connection, Consumer consumer) {
                    nats.publish("chat.slow", HELLO);
                    told.countDown();
                  }
                })
            .build();
    try (Connection other = inSpan("startup", () -> Nats.connect(options))) {
      Subscription slow = other.subscribe("untraced");
      slow.setPendingLimits(1, -1);
      other.flush(TIMEOUT);
      for (int i = 0; i < 10; i++) {
        publishUntraced("untraced", "");
      }
      assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
    }
    assertTraces(
        """
        startup
        publish chat.* PRODUCER
        """);
  }

  /** One program may both serve and audit; each must be told its own error. */
  @Test
  void eachOfTwoHandlersOfOneRequestHasTheErrorOfItsOwnAnswer() throws Exception {
    CountDownLatch handled = new CountDownLatch(2);
    CountDownLatch answered = new CountDownLatch(2);
    answerWithError("audit.*", "418", handled, answered);
    answerWithError("audit.>", "503", handled, answered);
    nats.request("audit.a", HELLO, TIMEOUT);
    await()
        .untilAsserted(
            () -> {
              assertThat(errorOf("process audit.*")).isEqualTo("418");
              assertThat(errorOf("process audit.>")).isEqualTo("503");
            });
  }

  private void answerWithError(
      String subject, String code, CountDownLatch handled, CountDownLatch answered) {
    Headers error = new Headers().add("Nats-Service-Error-Code", code);
    nats.createDispatcher()
        .subscribe(
            subject,
            message -> {
              handled.countDown();
              assertThat(handled.await(20, TimeUnit.SECONDS)).isTrue();
              nats.publish(message.getReplyTo(), error, HELLO);
              answered.countDown();
              assertThat(answered.await(20, TimeUnit.SECONDS)).isTrue();
            });
  }

  private static @Nullable Object errorOf(String span) {
    return Telemetry.attributes(Telemetry.span(span, SPAN_KIND_SERVER)).get("error.type");
  }

  /** A peer could make a series of each. */
  @ParameterizedTest
  @ValueSource(strings = {"5031", "no database", "-1", ""})
  void anErrorCodeThatIsNoneIsNotTheTypeOfAnError(String code) throws Exception {
    Dispatcher dispatcher = nats.createDispatcher();
    dispatcher.subscribe(
        "chat.*",
        message ->
            nats.publish(
                message.getReplyTo(), new Headers().add("Nats-Service-Error-Code", code), HELLO));
    nats.request("chat.a", HELLO, TIMEOUT);
    assertTraces(
        """
        request chat.* CLIENT ERROR service_error
          process chat.* SERVER ERROR service_error
            publish (temporary) PRODUCER
        """);
  }

  @Test
  void serviceEndpointsAnswerAndDiscoveryIsQuiet() throws Exception {
    var service =
        new ServiceBuilder()
            .connection(nats)
            .name("greeter")
            .version("1.0.0")
            .addServiceEndpoint(
                ServiceEndpoint.builder()
                    .endpointName("greet")
                    .endpointSubject("chat.greet")
                    .handler(message -> message.respond(nats, HELLO))
                    .build())
            .build();
    var stopped = service.startService();
    assertThat(nats.request("chat.greet", HELLO, TIMEOUT).getData()).isEqualTo(HELLO);
    assertThat(nats.request("$SRV.PING", null, TIMEOUT)).isNotNull();
    service.stop();
    stopped.get(20, TimeUnit.SECONDS);
    assertTraces(
        """
        request chat.* CLIENT
          process chat.* SERVER
            publish (temporary) PRODUCER
        """);
  }

  /** The server asks with a reply subject of its own, which is plumbing. */
  @Test
  void anAuthCalloutIsARootServerSpanThatLastsUntilTheReply() throws Exception {
    Subscription replies = nats.subscribe("$SYS._INBOX.*");
    BlockingQueue<Message> questions = new LinkedBlockingQueue<>();
    nats.createDispatcher(questions::add).subscribe("$SYS.REQ.USER.AUTH", "auth-service");
    nats.publish("$SYS.REQ.USER.AUTH", "$SYS._INBOX.1", HELLO);
    Message question = questions.poll(20, TimeUnit.SECONDS);
    assertThat(question).isNotNull();
    long asked = System.nanoTime();
    TimeUnit.MILLISECONDS.sleep(50);
    long thoughtFor = System.nanoTime() - asked;
    nats.publish(question.getReplyTo(), HELLO);
    Message reply = replies.nextMessage(TIMEOUT);
    assertThat(reply).isNotNull();
    assertThat(reply.hasHeaders()).isFalse();
    assertTraces("process $SYS.REQ.USER.AUTH SERVER\n");
    var span = Telemetry.span("process $SYS.REQ.USER.AUTH", SPAN_KIND_SERVER);
    assertThat(span.getEndTimeUnixNano() - span.getStartTimeUnixNano())
        .isGreaterThanOrEqualTo(thoughtFor); // by the same clock as a span's duration
  }

  @Test
  void goClientsSpellHeadersTheirWay() throws Exception {
    subscribe("chat.*");
    publishUntraced(
        "chat.a", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
    take();
    assertTraces("ORPHAN process chat.* CONSUMER\n");
    var span = Telemetry.span("process chat.*", SPAN_KIND_CONSUMER);
    assertThat(hex(span.getTraceId().toByteArray())).isEqualTo("0af7651916cd43dd8448eb211c80319c");
    assertThat(hex(span.getParentSpanId().toByteArray())).isEqualTo("b7ad6b7169203331");
  }

  @ParameterizedTest
  @CsvSource({"tracestate,baggage", "Tracestate,Baggage"})
  void whatTravelsBesideTheTraceParentIsReadHoweverItIsSpelled(String traceState, String baggage)
      throws Exception {
    BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    Dispatcher dispatcher = nats.createDispatcher();
    dispatcher.subscribe(
        "chat.*", message -> seen.add(String.valueOf(Baggage.current().getEntryValue("tenant"))));
    nats.flush(TIMEOUT);
    String parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    publishUntraced("chat.a", parent + "X-Other: 1\r\n" + traceState + ": vendor=1\r\n");
    assertThat(seen.poll(20, TimeUnit.SECONDS)).isEqualTo("null");
    publishUntraced("chat.a", parent + baggage + ": tenant=blue\r\n");
    assertThat(seen.poll(20, TimeUnit.SECONDS)).isEqualTo("blue");
    assertTraces("ORPHAN process chat.* CONSUMER\n".repeat(2));
    assertThat(Telemetry.spans())
        .extracting(io.opentelemetry.proto.trace.v1.Span::getTraceState)
        .containsExactlyInAnyOrder("vendor=1", "");
  }

  @Test
  void forwardedHeadersCarryTheNewContextOnly() throws Exception {
    subscribe("chat.*");
    nats.publish(
        "chat.a",
        new Headers().add("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        HELLO);
    Message message = take();
    assertThat(message.getHeaders().keySet()).containsExactly("traceparent");
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
        """);
  }

  /** With what a server writes into a stored copy, no server would trace the forwarded message. */
  @Test
  void whatServersWroteAboutTheWayItCameIsNotForwarded() throws Exception {
    subscribe("chat.*");
    nats.publish(
        "chat.a",
        new Headers()
            .add("Nats-Trace-Dest", "trace disabled")
            .add("Nats-Trace-Hop", "1.1")
            .add("X-Mine", "kept"),
        HELLO);
    assertThat(take().getHeaders().keySet()).containsExactlyInAnyOrder("X-Mine", "traceparent");
    nats.publish("chat.b", new Headers().add("Nats-Trace-Dest", "my.traces"), HELLO);
    assertThat(take().getHeaders().getFirst("Nats-Trace-Dest")).isEqualTo("my.traces");
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
        publish chat.* PRODUCER
          process chat.* CONSUMER
        """);
  }

  @Test
  void baggageTravels() throws Exception {
    BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    Dispatcher dispatcher = nats.createDispatcher();
    dispatcher.subscribe(
        "chat.*", message -> seen.add(String.valueOf(Baggage.current().getEntryValue("tenant"))));
    try (Scope ignored = Baggage.builder().put("tenant", "blue").build().makeCurrent()) {
      nats.publish("chat.a", HELLO);
    }
    assertThat(seen.poll(20, TimeUnit.SECONDS)).isEqualTo("blue");
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* CONSUMER
        """);
  }

  @Test
  void aReplyThatIsHandledMakesNoSpan() throws Exception {
    answer("chat.*", HELLO);
    Dispatcher inbox = nats.createDispatcher(handled::add);
    String replyTo = nats.createInbox();
    inbox.subscribe(replyTo);
    nats.publish("chat.a", replyTo, HELLO);
    take();
    assertTraces(
        """
        publish chat.* PRODUCER
          process chat.* SERVER
            publish (temporary) PRODUCER
        """);
  }

  @Test
  void configuredInboxPrefixesAreInboxes() throws Exception {
    nats.publish("_TESTBOX.alice.1", HELLO);
    try (var other = Nats.connect(options().inboxPrefix("_MINE.").build())) {
      other.publish("_MINE.2", HELLO);
    }
    assertTraces(
        """
        publish (temporary) PRODUCER
        publish (temporary) PRODUCER
        """);
  }

  @Test
  void nextMessageLeavesNoContextOnTheThread() throws Exception {
    Subscription subscription = nats.subscribe("chat.*");
    nats.publish("chat.a", HELLO);
    assertThat(subscription.nextMessage(TIMEOUT)).isNotNull();
    assertThat(Span.current().getSpanContext().isValid()).isFalse();
    assertTraces("publish chat.* PRODUCER\n");
  }

  @Test
  void clientKindIsForRequestsOnly() throws Exception {
    answer("chat.*", HELLO);
    nats.requestWithTimeout("chat.a", HELLO, TIMEOUT).get(20, TimeUnit.SECONDS);
    assertTraces(
        """
        request chat.* CLIENT
          process chat.* SERVER
            publish (temporary) PRODUCER
        """);
    assertThat(Telemetry.attributes(Telemetry.span("request chat.*", SPAN_KIND_CLIENT)))
        .containsEntry("messaging.operation.name", "request")
        .containsEntry("messaging.operation.type", "send");
  }

  private Dispatcher subscribe(String subject) throws Exception {
    Dispatcher dispatcher = nats.createDispatcher(handled::add);
    dispatcher.subscribe(subject);
    nats.flush(TIMEOUT);
    return dispatcher;
  }

  private void answer(String subject, byte[] reply) throws Exception {
    Dispatcher dispatcher =
        nats.createDispatcher(message -> nats.publish(message.getReplyTo(), reply));
    dispatcher.subscribe(subject);
    nats.flush(TIMEOUT);
  }

  private static long count(String metric, String operation) {
    return Telemetry.metric(metric).entrySet().stream()
        .filter(point -> operation.equals(point.getKey().get("messaging.operation.name")))
        .mapToLong(Map.Entry::getValue)
        .sum();
  }

  private Message take() throws InterruptedException {
    Message message = handled.poll(20, TimeUnit.SECONDS);
    assertThat(message).isNotNull();
    return message;
  }

  /** Speaks the protocol itself, as a client without tracing does. */
  private static void publishUntraced(String subject, String headerLines) throws Exception {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      var out = socket.getOutputStream();
      out.write("CONNECT {\"verbose\":false,\"headers\":true}\r\n".getBytes(UTF_8));
      if (headerLines.isEmpty()) {
        out.write(("PUB " + subject + " 2\r\nhi\r\n").getBytes(UTF_8));
      } else {
        String headers = "NATS/1.0\r\n" + headerLines + "\r\n";
        int length = headers.length();
        out.write(
            ("HPUB " + subject + " " + length + " " + (length + 2) + "\r\n" + headers + "hi\r\n")
                .getBytes(UTF_8));
      }
      out.write("PING\r\n".getBytes(UTF_8));
      out.flush();
      var lines = new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8));
      await().atMost(TIMEOUT).until(() -> "PONG".equals(lines.readLine()));
    }
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }
}
