package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.nats.client.Connection;
import io.nats.client.Dispatcher;
import io.nats.client.JetStream;
import io.nats.client.JetStreamApiException;
import io.nats.client.JetStreamSubscription;
import io.nats.client.KeyValue;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.Subscription;
import io.nats.client.api.KeyValueConfiguration;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.baggage.Baggage;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.proto.trace.v1.Span;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The extension under other settings: each test starts a small program of its own under the agent.
 */
@SuppressWarnings("try")
class ForkedIT {
  private static final String WORKER =
      "-Dotel.instrumentation.jnats.batch-process-methods="
          + "dev.natschat.agent.ForkedIT$Program[persist]";
  private static final List<String> MESSAGING_METRICS =
      List.of(
          "messaging.client.sent.messages",
          "messaging.client.consumed.messages",
          "messaging.client.operation.duration",
          "messaging.process.duration");
  private static final String CAPTURE_HEADERS = "messaging.experimental.capture-headers";
  private static NatsServer server;

  @BeforeAll
  static void startServer() throws Exception {
    server = NatsServer.start();
  }

  @AfterAll
  static void stopServer() throws Exception {
    server.close();
  }

  @BeforeEach
  void reset() {
    Telemetry.reset();
  }

  /** Publishes to the core and is its own reader. */
  static final class Program {
    public static void main(String[] arguments) throws Exception {
      Connection nats = Nats.connect(NatsServer.options(arguments[0]).build());
      switch (arguments[1]) {
        case "core" -> core(nats);
        case "core within an unsampled span" -> {
          try (Scope ignored = unsampled().makeCurrent()) {
            core(nats);
          }
        }
        case "question" -> question(nats);
        case "forward" -> forward(nats);
        case "forward what Zipkin sent" -> forwardWhatZipkinSent(nats);
        case "forward baggage" -> forwardBaggage(nats);
        case "helping" -> helping(nats);
        case "helping get" -> helpingGet(nats);
        case "helping create" -> helpingCreate(nats);
        case "helping batch" -> helpingBatch(nats);
        case "health" -> health(nats);
        case "sessions" -> {
          CountDownLatch handled = new CountDownLatch(300);
          Dispatcher dispatcher = nats.createDispatcher(message -> handled.countDown());
          for (int i = 0; i < 300; i++) {
            dispatcher.subscribe("session." + i);
            nats.publish("session." + i, "hello".getBytes(UTF_8));
          }
          assertThat(handled.await(20, TimeUnit.SECONDS)).isTrue();
        }
        case "groups" -> {
          CountDownLatch handled = new CountDownLatch(300);
          Dispatcher dispatcher = nats.createDispatcher(message -> handled.countDown());
          for (int i = 0; i < 300; i++) {
            dispatcher.subscribe("session." + i, "readers-" + i);
            nats.publish("session." + i, "hello".getBytes(UTF_8));
          }
          assertThat(handled.await(20, TimeUnit.SECONDS)).isTrue();
        }
        case "another's batch" -> {
          GlobalOpenTelemetry.getTracer("kafka")
              .spanBuilder("receive")
              .setAttribute("messaging.system", "kafka")
              .setAttribute("messaging.batch.message_count", 1)
              .addLink(remote(TraceFlags.getSampled()))
              .startSpan()
              .end();
        }
        case "baggage" -> {
          Subscription subscription = nats.subscribe("chat.*");
          try (Scope ignored =
              Baggage.builder().put("user id", "1").put("tenant", "2").build().makeCurrent()) {
            nats.publish("chat.a", "hello".getBytes(UTF_8));
          }
          Headers headers = subscription.nextMessage(Duration.ofSeconds(20)).getHeaders();
          System.out.println(
              "received " + (headers == null ? "none" : new TreeSet<>(headers.keySet())));
        }
        case "inboxes" -> {
          var options = NatsServer.options(arguments[0]).inboxPrefix("_MINE.").build();
          try (Connection other = Nats.connect(options)) {
            other.publish(other.createInbox(), null);
            other.publish(nats.createInbox(), null);
            other.publish("chat.a", null);
          }
        }
        case "the same headers again" -> {
          Headers headers = new Headers();
          for (String hop : List.of("first", "second")) {
            nats.publish("chat.a", headers.add("X-Hop", hop), null);
          }
        }
        case "batches" -> batches(nats, 400, Context.root());
        case "many batches" -> batches(nats, 2000, Context.root());
        case "many batches within an unsampled span" -> batches(nats, 2000, unsampled());
        case "settled in every way" -> settledInEveryWay(nats);
        default -> throw new IllegalArgumentException(arguments[1]);
      }
      nats.close();
    }

    private static void core(Connection nats) throws Exception {
      Subscription subscription = nats.subscribe("chat.*");
      Headers headers = new Headers().add("X-Tenant", "blue").add("X-Secret", "red");
      nats.publish("chat.a", headers, "hello".getBytes(UTF_8));
      Message message = subscription.nextMessage(Duration.ofSeconds(20));
      System.out.println(
          "received " + message.getSubject() + " " + new TreeSet<>(message.getHeaders().keySet()));
    }

    private static Context unsampled() {
      return Context.root()
          .with(io.opentelemetry.api.trace.Span.wrap(remote(TraceFlags.getDefault())));
    }

    private static SpanContext remote(TraceFlags flags) {
      return SpanContext.createFromRemoteParent(
          "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", flags, TraceState.getDefault());
    }

    /** While it waits for a reply, a thread of a pool may do other work that waits there. */
    private static void helping(Connection nats) throws Exception {
      CountDownLatch second = new CountDownLatch(1);
      nats.createDispatcher()
          .subscribe(
              "work.b",
              request -> {
                nats.publish(request.getReplyTo(), null);
                second.countDown();
              });
      nats.createDispatcher()
          .subscribe(
              "first.a",
              request -> {
                assertThat(second.await(20, TimeUnit.SECONDS)).isTrue();
                nats.publish(request.getReplyTo(), null);
              });
      duringTheWait(() -> request(nats, "work.b"), () -> request(nats, "first.a"));
    }

    /** As {@link #helping}, by a value's get. */
    private static void helpingGet(Connection nats) throws Exception {
      nats.keyValueManagement()
          .create(
              KeyValueConfiguration.builder()
                  .name("helped")
                  .storageType(StorageType.Memory)
                  .build());
      KeyValue values = nats.keyValue("helped");
      duringTheWait(() -> get(values, "b"), () -> get(values, "a"));
      nats.keyValueManagement().delete("helped");
    }

    /** What is created asks for the value that was deleted. */
    private static void helpingCreate(Connection nats) throws Exception {
      nats.keyValueManagement()
          .create(
              KeyValueConfiguration.builder()
                  .name("helped")
                  .storageType(StorageType.Memory)
                  .build());
      KeyValue values = nats.keyValue("helped");
      values.delete("b");
      duringTheWait(() -> create(values, "b"), () -> get(values, "a"));
      nats.keyValueManagement().delete("helped");
    }

    private static void create(KeyValue values, String key) {
      try {
        System.out.println(key + " is created " + values.create(key, null));
      } catch (IOException | JetStreamApiException e) {
        throw new IllegalStateException(e);
      }
    }

    /** As {@link #helping}, by a batch that waits for what another one does. */
    private static void helpingBatch(Connection nats) throws Exception {
      var subscription = published(nats, "HELPED", "helped", 4);
      List<Message> waiting = subscription.fetch(2, Duration.ofSeconds(20));
      List<Message> meanwhile = subscription.fetch(2, Duration.ofSeconds(20));
      CompletableFuture<Thread> helped = new CompletableFuture<>();
      duringTheWait(
          () -> {
            persist(meanwhile);
            helped.complete(Thread.currentThread());
          },
          () -> persist(waiting, helped));
      nats.jetStreamManagement().deleteStream("HELPED");
    }

    static void persist(List<Message> batch, CompletableFuture<Thread> helped) {
      System.out.println("helped itself " + Thread.currentThread().equals(helped.join()));
      batch.forEach(Message::ack);
    }

    /** Of a pool of two threads one is occupied, so the one that waits does the rest meanwhile. */
    private static void duringTheWait(Runnable meanwhile, Runnable waiting) throws Exception {
      CountDownLatch end = new CountDownLatch(1);
      CompletableFuture<Void> other = CompletableFuture.runAsync(() -> await(end));
      CompletableFuture.runAsync(
              () -> {
                var nested = CompletableFuture.runAsync(meanwhile);
                waiting.run();
                nested.join();
              })
          .get(60, TimeUnit.SECONDS);
      end.countDown();
      other.join();
    }

    private static void get(KeyValue values, String key) {
      try {
        System.out.println(key + " is " + values.get(key) + ", " + Thread.currentThread());
      } catch (IOException | JetStreamApiException e) {
        throw new IllegalStateException(e);
      }
    }

    private static void await(CountDownLatch latch) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    private static void request(Connection nats, String subject) {
      try {
        Message reply = nats.request(subject, null, Duration.ofSeconds(20));
        System.out.println(
            subject + (reply == null ? " without reply" : " replied, " + Thread.currentThread()));
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    /** A request that is answered by another thread than its handler's. */
    private static void health(Connection nats) throws Exception {
      nats.createDispatcher()
          .subscribe(
              "health.ping",
              request -> {
                Executor later = CompletableFuture.delayedExecutor(200, TimeUnit.MILLISECONDS);
                later.execute(() -> nats.publish(request.getReplyTo(), null));
              });
      request(nats, "health.ping");
    }

    /** A loop that asks for its questions. */
    private static void question(Connection nats) throws Exception {
      Subscription questions = nats.subscribe("chat.ask");
      CompletableFuture<Message> reply =
          nats.requestWithTimeout("chat.ask", null, Duration.ofMinutes(1));
      Message question = questions.nextMessage(Duration.ofSeconds(20));
      nats.publish(
          question.getReplyTo(), new Headers().add("Nats-Service-Error-Code", "503"), null);
      System.out.println("replied " + (reply.get(20, TimeUnit.SECONDS) != null));
    }

    /** A message as another program sent it, with that one's context. */
    private static void forward(Connection nats) throws Exception {
      Subscription subscription = nats.subscribe("chat.*");
      Headers headers = new Headers();
      for (String field :
          List.of("Traceparent", "Tracestate", "Baggage", "B3", "X-B3-Traceid", "Uber-Trace-Id")) {
        headers.add(field, "of another");
      }
      headers.add("X-Tenant", "blue");
      nats.publish("chat.a", headers, "hello".getBytes(UTF_8));
      Message message = subscription.nextMessage(Duration.ofSeconds(20));
      Set<String> kept = new TreeSet<>(); // the server spells some its own way
      message
          .getHeaders()
          .forEach(
              (name, values) -> {
                if (values.contains("of another")) {
                  kept.add(name.toLowerCase(Locale.ROOT));
                }
              });
      System.out.println("kept " + kept);
    }

    /** In both of its formats, and with the header that no propagator of OpenTelemetry writes. */
    private static void forwardWhatZipkinSent(Connection nats) throws Exception {
      Subscription subscription = nats.subscribe("chat.*");
      String traceId = "0af7651916cd43dd8448eb211c80319c";
      String spanId = "b7ad6b7169203331";
      Headers headers =
          new Headers()
              .add("b3", traceId + "-" + spanId + "-1")
              .add("X-B3-TraceId", traceId)
              .add("X-B3-SpanId", spanId)
              .add("X-B3-ParentSpanId", "00f067aa0ba902b7")
              .add("X-B3-Flags", "1");
      nats.publish("chat.a", headers, "hello".getBytes(UTF_8));
      Message message = subscription.nextMessage(Duration.ofSeconds(20));
      System.out.println("received " + new TreeSet<>(message.getHeaders().keySet()));
    }

    /** Which came alone, from who has no trace. */
    private static void forwardBaggage(Connection nats) throws Exception {
      Subscription subscription = nats.subscribe("chat.*");
      for (String header : List.of("Baggage", "Uberctx-Tenant", "Jaeger-Baggage")) {
        nats.publish("chat.a", new Headers().add(header, "tenant=green"), "hello".getBytes(UTF_8));
        Headers headers = subscription.nextMessage(Duration.ofSeconds(20)).getHeaders();
        System.out.println(
            header + " became " + (headers == null ? "none" : new TreeSet<>(headers.keySet())));
      }
    }

    /** A new stream's durable, for which so many messages wait. */
    private static JetStreamSubscription published(
        Connection nats, String stream, String subject, int messages) throws Exception {
      nats.jetStreamManagement()
          .addStream(
              StreamConfiguration.builder()
                  .name(stream)
                  .subjects(subject + ".*")
                  .storageType(StorageType.Memory)
                  .build());
      JetStream jetStream = nats.jetStream();
      for (int i = 0; i < messages; i++) {
        jetStream.publish(subject + ".a", "hello".getBytes(UTF_8));
      }
      return jetStream.subscribe(
          subject + ".*", PullSubscribeOptions.builder().durable("reader").build());
    }

    private static void batches(Connection nats, int messages, Context processing)
        throws Exception {
      var subscription = published(nats, "FORKED", "forked", messages);
      for (int i = 0; i < messages / 20; i++) {
        List<Message> batch = subscription.fetch(20, Duration.ofSeconds(20));
        try (Scope ignored = processing.makeCurrent()) {
          persist(batch);
        }
      }
      nats.flush(Duration.ofSeconds(20));
    }

    static void persist(List<Message> batch) {
      batch.forEach(Message::ack);
    }

    /** In a batch, alone after a batch that failed, and without any. */
    private static void settledInEveryWay(Connection nats) throws Exception {
      var subscription = published(nats, "SETTLED", "settled", 8);
      Duration long20 = Duration.ofSeconds(20);
      persist(subscription.fetch(4, long20));
      List<Message> failing = subscription.fetch(2, long20);
      try {
        retry(failing, nats);
      } catch (IllegalStateException tooMany) {
        Subscription forwarded = nats.subscribe("forwarded");
        for (Message message : failing) {
          retry(List.of(message), nats);
          String trace = forwarded.nextMessage(long20).getHeaders().getFirst("traceparent");
          System.out.println(
              "forwarded in "
                  + (traceId(trace).equals(traceId(message.getHeaders().getFirst("traceparent")))
                      ? "its trace"
                      : "another trace"));
        }
      }
      subscription.fetch(1, long20).get(0).ack();
      subscription.fetch(1, long20).get(0).term();
      nats.flush(long20);
      nats.jetStreamManagement().deleteStream("SETTLED");
    }

    private static String traceId(String traceParent) {
      return traceParent.split("-", -1)[1];
    }

    static void retry(List<Message> batch, Connection nats) {
      if (batch.size() > 1) {
        throw new IllegalStateException("too many");
      }
      nats.publish("forwarded", batch.get(0).getData());
      batch.get(0).ack();
    }
  }

  @Test
  void theBuiltInModuleIsReplaced() throws Exception {
    String output = run("core", "-Dotel.instrumentation.jnats.destination-templates=chat.*");
    assertThat(output).contains("received chat.a");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            publish chat.* PRODUCER
              process chat.* CONSUMER
            """);
  }

  @Test
  void theBuiltInModuleStaysWhenItWasAskedFor() throws Exception {
    assumeThat(Nats.CLIENT_VERSION)
        .as("the built-in module begins at 2.17.2")
        .isNotEqualTo("2.17.0");
    String output = run("core", "-Dotel.instrumentation.nats.enabled=true");
    assertThat(output)
        .contains("received chat.a")
        .containsOnlyOnce("the jnats extension stays off");
    assertThat(Telemetry.tree()).isEqualTo("chat.a publish PRODUCER\n");
  }

  @Test
  void nothingIsTracedWhereInstrumentationsAreOffByDefault() throws Exception {
    run("core", "-Dotel.instrumentation.common.default-enabled=false");
    assertThat(Telemetry.tree()).isEmpty();
  }

  @Test
  void itCanBeTheOnlyInstrumentation() throws Exception {
    run(
        "core",
        "-Dotel.instrumentation.common.default-enabled=false",
        "-Dotel.instrumentation.jnats.enabled=true");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            publish PRODUCER
              process chat.* CONSUMER
            """);
  }

  @Test
  void anApplicationWithoutPermissionsOfItsOwnIsTraced(@TempDir Path directory) throws Exception {
    assumeThat(Runtime.version().feature()).as("there is no security manager since").isLessThan(24);
    Path policy =
        Files.writeString(
            directory.resolve("policy"),
            """
            grant codeBase "file:%s" { permission java.security.AllPermission; };
            grant {
              permission java.net.SocketPermission "*", "connect,resolve";
              permission java.util.PropertyPermission "*", "read";
              permission java.lang.RuntimePermission "getenv.*";
              permission java.lang.RuntimePermission "modifyThread";
            };
            """
                .formatted(System.getProperty("agent")));
    String output =
        run(
            "core",
            "-Djava.security.manager",
            "-Djava.security.policy==" + policy,
            "-Dotel.javaagent.experimental.security-manager-support.enabled=true");
    assertThat(output).doesNotContain("AccessControlException");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            publish PRODUCER
              process chat.* CONSUMER
            """);
  }

  @Test
  void receivingIsTracedOnDemand() throws Exception {
    run(
        "core",
        "-Dotel.instrumentation.common.messaging.experimental.receive-telemetry.enabled=true");
    assertThat(Telemetry.tree())
        .contains("receive chat.* CLIENT ~> publish\n")
        .contains("publish PRODUCER\n  process chat.* CONSUMER\n");
  }

  @Test
  void itCanBeSwitchedOff() throws Exception {
    run(
        "core",
        "-Dotel.instrumentation.jnats.enabled=false",
        "-Dotel.instrumentation.nats.enabled=false");
    assertThat(Telemetry.tree()).isEmpty();
  }

  @Test
  void nothingIsInjectedWithoutPropagators() throws Exception {
    run("core", "-Dotel.propagators=none");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            publish PRODUCER
            process chat.* CONSUMER
            """);
  }

  @Test
  void anyPropagatorWorks() throws Exception {
    for (String propagator : List.of("b3", "b3multi", "jaeger")) {
      Telemetry.reset();
      run("core", "-Dotel.propagators=" + propagator);
      assertThat(Telemetry.tree())
          .isEqualTo(
              """
              publish PRODUCER
                process chat.* CONSUMER
              """);
    }
  }

  @Test
  void theReplyToAQuestionThatWasWaitedForIsInItsTrace() throws Exception {
    assertThat(run("question")).contains("replied true");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            request CLIENT ERROR 503
              process chat.ask SERVER ERROR 503
                publish (temporary) PRODUCER
            """);
  }

  @Test
  void theReplyToAnExcludedQuestionIsLeftAloneToo() throws Exception {
    assertThat(run("question", "-Dotel.instrumentation.jnats.exclude-subjects=chat.*"))
        .contains("replied true");
    assertThat(Telemetry.tree()).isEmpty();
  }

  @Test
  void onlyTheFieldsOfThePropagatorsAreReplaced() throws Exception {
    assertThat(run("forward", "-Dotel.propagators=b3"))
        .contains("kept [baggage, traceparent, tracestate, uber-trace-id]");
    assertThat(run("forward", "-Dotel.propagators=b3multi"))
        .contains("kept [baggage, traceparent, tracestate, uber-trace-id]");
    assertThat(run("forward", "-Dotel.propagators=jaeger"))
        .contains("kept [b3, baggage, traceparent, tracestate, x-b3-traceid]");
    assertThat(run("forward", "-Dotel.propagators=tracecontext"))
        .contains("kept [b3, baggage, uber-trace-id, x-b3-traceid]");
    assertThat(run("forward", "-Dotel.propagators=baggage"))
        .contains("kept [b3, traceparent, tracestate, uber-trace-id, x-b3-traceid]");
    assertThat(run("forward", "-Dotel.propagators=none"))
        .contains("kept [b3, baggage, traceparent, tracestate, uber-trace-id, x-b3-traceid]");
  }

  /** Who reads the one format reads the other, too, and may read it first. */
  @Test
  void aForwardedMessageHasOneTraceInWhicheverFormatOfB3ItCame() throws Exception {
    assertThat(run("forward what Zipkin sent", "-Dotel.propagators=b3")).contains("received [b3]");
    assertThat(run("forward what Zipkin sent", "-Dotel.propagators=tracecontext,b3multi"))
        .contains("received [X-B3-Sampled, X-B3-SpanId, X-B3-TraceId, traceparent]");
    assertThat(Telemetry.tree())
        .isEqualTo("publish PRODUCER\n  process chat.* CONSUMER\n".repeat(2));
  }

  /** The current context has no baggage that would take the place of the former one. */
  @Test
  void aForwardedMessageHasNoBaggageOfItsFormerSender() throws Exception {
    assertThat(run("forward baggage", "-Dotel.propagators=baggage"))
        .contains("Baggage became none", "Uberctx-Tenant became [Uberctx-Tenant]");
    assertThat(run("forward baggage", "-Dotel.propagators=jaeger"))
        .contains(
            "Baggage became [Baggage, uber-trace-id]",
            "Uberctx-Tenant became [uber-trace-id]",
            "Jaeger-Baggage became [uber-trace-id]");
  }

  /** The SDK is there and records nothing; its propagators still have fields. */
  @Test
  void aTraceOfOthersPassesThroughADisabledSdk() throws Exception {
    assertThat(run("forward", "-Dotel.sdk.disabled=true"))
        .contains("kept [b3, baggage, traceparent, tracestate, uber-trace-id, x-b3-traceid]");
  }

  @Test
  void anExcludedSubjectIsLeftAlone() throws Exception {
    String output = run("core", "-Dotel.instrumentation.jnats.exclude-subjects=orders.*,chat.>");
    assertThat(output).contains("received chat.a [X-Secret, X-Tenant]");
    assertThat(Telemetry.tree()).isEmpty();
  }

  @Test
  void soIsTheAnswerToIt() throws Exception {
    assertThat(run("health", "-Dotel.instrumentation.jnats.exclude-subjects=health.*"))
        .contains("health.ping replied");
    assertThat(Telemetry.tree()).isEmpty();
  }

  @Test
  void subscriptionsToManySubjectsDoNotMakeNamesWithoutEnd() throws Exception {
    assertThat(run("sessions"))
        .containsOnlyOnce("otel.instrumentation.jnats.destination-templates");
    assertThat(Telemetry.spans().stream().map(Span::getName).distinct())
        .hasSize(256 + 2)
        .contains("publish", "process", "process session.0", "process session.255");
  }

  @Test
  void norDoQueueGroupsMakeSeriesWithoutEnd() throws Exception {
    run(
        "groups",
        "-Dotel.instrumentation.jnats.destination-templates=session.*",
        "-Dotel.metrics.exporter=otlp");
    assertThat(Telemetry.metric("messaging.process.duration")).hasSize(256 + 1);
    assertThat(
            Telemetry.spans().stream()
                .map(span -> Telemetry.attributes(span).get("messaging.consumer.group.name"))
                .filter(Objects::nonNull)
                .distinct())
        .as("groups that spans name")
        .hasSize(300);
  }

  @Test
  void aRequestIsNotPartOfAnotherThatItsThreadWaitsFor() throws Exception {
    run(
        "helping",
        "-Djava.util.concurrent.ForkJoinPool.common.parallelism=2",
        "-Dotel.instrumentation.jnats.destination-templates=work.*,first.*");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            request first.* CLIENT
              process first.* SERVER
                publish (temporary) PRODUCER
            request work.* CLIENT
              process work.* SERVER
                publish (temporary) PRODUCER
            """);
  }

  @Test
  void norIsAValueThatIsAskedForMeanwhile() throws Exception {
    run("helping get", "-Djava.util.concurrent.ForkJoinPool.common.parallelism=2");
    assertThat(Telemetry.tree()).isEqualTo("get $KV.helped.> CLIENT\n".repeat(2));
  }

  @Test
  void whatIsFoundMeanwhileIsNotTheValueThatIsWaitedFor() throws Exception {
    run("helping create", "-Djava.util.concurrent.ForkJoinPool.common.parallelism=2");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            publish $KV.helped.> PRODUCER
            get $KV.helped.> CLIENT
            publish $KV.helped.> PRODUCER ERROR io.nats.client.JetStreamApiException
            publish $KV.helped.> PRODUCER
            """);
  }

  @Test
  void norIsABatchThatIsWorkedOffMeanwhile() throws Exception {
    String output =
        run(
            "helping batch",
            "-Djava.util.concurrent.ForkJoinPool.common.parallelism=2",
            "-Dotel.instrumentation.jnats.destination-templates=helped.*",
            WORKER);
    assertThat(output).contains("helped itself true");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            publish helped.* PRODUCER
              process helped.* CONSUMER ack ~> batch
            """
                    .repeat(4)
                + """
                process helped.* CONSUMER batch of 2 ~> publish helped.*, publish helped.*
                  process helped.* CONSUMER batch of 2 ~> publish helped.*, publish helped.*
                """);
  }

  @Test
  void onlyIncludedSubjectsAreTracedWhereAnyAreNamed() throws Exception {
    String output = run("core", "-Dotel.instrumentation.jnats.include-subjects=orders.*");
    assertThat(output).contains("received chat.a [X-Secret, X-Tenant]");
    assertThat(Telemetry.tree()).isEmpty();
    run("core", "-Dotel.instrumentation.jnats.include-subjects=orders.*,chat.*");
    assertThat(Telemetry.tree()).isEqualTo("publish PRODUCER\n  process chat.* CONSUMER\n");
  }

  @Test
  void inboxesAreTracedWhicheverSubjectsAreNamed() throws Exception {
    run("inboxes", "-Dotel.instrumentation.jnats.include-subjects=orders.*");
    assertThat(Telemetry.tree()).isEqualTo("publish (temporary) PRODUCER\n".repeat(2));
  }

  @Test
  void headersAreCapturedByTheAgentsOwnSetting() throws Exception {
    for (String name : List.of("common.messaging.headers.included", CAPTURE_HEADERS)) {
      Telemetry.reset();
      run("core", "-Dotel.instrumentation." + name + "=x-tenant");
      assertThat(Telemetry.spans()).hasSize(2);
      for (Span span : Telemetry.spans()) {
        assertThat(Telemetry.attributes(span))
            .as(name)
            .containsEntry("messaging.header.x_tenant", List.of("blue"))
            .doesNotContainKey("messaging.header.x_secret");
      }
    }
  }

  @Test
  void aStarCapturesEveryHeaderByTheNewNameOnly() throws Exception {
    run("core", "-Dotel.instrumentation.common.messaging.headers.included=*");
    assertThat(capturedHeaders())
        .contains("messaging.header.x_tenant", "messaging.header.x_secret");
    Telemetry.reset();
    run("core", "-Dotel.instrumentation." + CAPTURE_HEADERS + "=*");
    assertThat(capturedHeaders()).isEmpty();
  }

  @Test
  void excludedHeadersAreNotCaptured() throws Exception {
    String excluded = "-Dotel.instrumentation.common.messaging.headers.excluded=x-sec*,traceparent";
    run("core", excluded);
    assertThat(capturedHeaders()).containsExactly("messaging.header.x_tenant");
    Telemetry.reset();
    run("core", excluded, "-Dotel.instrumentation.common.messaging.headers.included=x-secret");
    assertThat(capturedHeaders()).isEmpty();
  }

  private static Set<String> capturedHeaders() {
    assertThat(Telemetry.spans()).hasSize(2);
    return Telemetry.spans().stream()
        .flatMap(span -> Telemetry.attributes(span).keySet().stream())
        .filter(key -> key.startsWith("messaging.header"))
        .collect(toSet());
  }

  @Test
  void noHeaderIsCapturedUnasked() throws Exception {
    run("core");
    assertThat(capturedHeaders()).isEmpty();
  }

  /** Spans are exported later, by another thread. */
  @Test
  void capturedHeadersAreThoseThatWereSent() throws Exception {
    run(
        "the same headers again",
        "-Dotel.instrumentation.common.messaging.headers.included=x-hop",
        "-Dotel.bsp.schedule.delay=600000");
    assertThat(Telemetry.spans())
        .extracting(span -> Telemetry.attributes(span).get("messaging.header.x_hop"))
        .containsExactly(List.of("first"), List.of("first", "second"));
  }

  /** OpenTelemetry's rule for environment variables, of which Compose files make such. */
  @Test
  void anEmptyTraceDestinationIsNone() throws Exception {
    assertThat(run("core", "-Dotel.instrumentation.jnats.trace-destination="))
        .contains("received chat.a [X-Secret, X-Tenant, traceparent]");
  }

  @Test
  void theBrokerIsAskedForItsTraceOfSampledMessagesOnly() throws Exception {
    String destination = "-Dotel.instrumentation.jnats.trace-destination=hops";
    assertThat(run("core", destination))
        .contains("received chat.a [Nats-Trace-Dest, X-Secret, X-Tenant, traceparent]");
    assertThat(run("core", destination, "-Dotel.traces.sampler=always_off"))
        .contains("received chat.a [X-Secret, X-Tenant, traceparent]");
  }

  @Test
  void theSizeHasItsOldNameTooUnlessThatIsSwitchedOff() throws Exception {
    run("core", "-Dotel.instrumentation.jnats.legacy-attributes=false");
    for (Span span : Telemetry.spans()) {
      assertThat(Telemetry.attributes(span))
          .containsEntry("messaging.message.body.size", 5L)
          .doesNotContainKey("messaging.message.payload_size_bytes");
    }
  }

  /** Attributes are set before or after a sampler has decided: see attributes-at-start. */
  @Test
  void spansAreTheSameWhateverSamplerTookThem() throws Exception {
    run("core");
    List<Object> asEver = attributes();
    for (String sampler : List.of("traceidratio", "parentbased_traceidratio")) {
      Telemetry.reset();
      run("core", "-Dotel.traces.sampler=" + sampler, "-Dotel.traces.sampler.arg=1");
      assertThat(attributes()).as(sampler).isEqualTo(asEver);
    }
  }

  @Test
  void aSamplerThatLooksSeesWhereAMessageGoes(@TempDir Path directory) throws Exception {
    Path other = SameBehaviourIT.extensionOf("dev.natschat.agent.LookingSampler", directory);
    String extensions =
        "-Dotel.javaagent.extensions=" + System.getProperty("extension") + "," + other;
    run("core", extensions);
    assertThat(Telemetry.tree()).isEqualTo("ORPHAN process chat.* CONSUMER\n");
    Telemetry.reset();
    run(
        "core",
        extensions,
        "-Dotel.traces.sampler=traceidratio",
        "-Dotel.traces.sampler.arg=1",
        "-Dotel.instrumentation.jnats.attributes-at-start=true");
    assertThat(Telemetry.tree()).isEqualTo("ORPHAN process chat.* CONSUMER\n");
  }

  /** It drops a publish to chat below a parent that is not sampled, and so keeps what follows. */
  @Test
  void soDoesOneThatDoesNotFollowTheParent(@TempDir Path directory) throws Exception {
    Path other = SameBehaviourIT.extensionOf("dev.natschat.agent.LookingSampler", directory);
    run(
        "core within an unsampled span",
        "-Dotel.javaagent.extensions=" + System.getProperty("extension") + "," + other);
    assertThat(Telemetry.tree()).isEqualTo("ORPHAN process chat.* CONSUMER\n");
  }

  private static List<Object> attributes() throws Exception {
    List<Object> attributes = new ArrayList<>();
    for (Span span : Telemetry.spans()) {
      Map<String, Object> of = new TreeMap<>(Telemetry.attributes(span));
      of.remove("thread.id");
      attributes.add(of);
    }
    return attributes;
  }

  @Test
  void settingsCanComeFromTheEnvironment() throws Exception {
    run(
        Map.of(
            "OTEL_INSTRUMENTATION_JNATS_DESTINATION_TEMPLATES", "chat.*",
            "OTEL_INSTRUMENTATION_JNATS_LEGACY_ATTRIBUTES", "false"),
        "core");
    assertThat(Telemetry.tree()).isEqualTo("publish chat.* PRODUCER\n  process chat.* CONSUMER\n");
    assertThat(Telemetry.attributes(Telemetry.spans().get(0)))
        .doesNotContainKey("messaging.message.payload_size_bytes");
  }

  @Test
  void othersBatchesAreSampledAsEver() throws Exception {
    run("another's batch", "-Dotel.traces.sampler=always_off");
    assertThat(Telemetry.tree()).isEmpty();
  }

  @Test
  void baggageThatCannotBeAHeaderIsLeftOutAlone() throws Exception {
    assertThat(run("baggage", "-Dotel.propagators=jaeger"))
        .contains("received [uber-trace-id, uberctx-tenant]");
    assertThat(Telemetry.tree()).isEqualTo("publish PRODUCER\n  process chat.* CONSUMER\n");
  }

  @Test
  void settlementsCanBeLeftOut() throws Exception {
    run(
        "batches",
        "-Dotel.instrumentation.jnats.settle-spans=false",
        "-Dotel.metrics.exporter=otlp");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            publish PRODUCER
              process FORKED CONSUMER ack
            """
                .repeat(400));
    assertThat(Telemetry.metric("messaging.client.operation.duration"))
        .as("published, received and settled")
        .hasSize(3)
        .allSatisfy((attributes, count) -> assertThat(count).isEqualTo(400));
  }

  @Test
  void noLinkDanglesWhenSamplingByRatio() throws Exception {
    run(
        "many batches",
        "-Dotel.traces.sampler=parentbased_traceidratio",
        "-Dotel.traces.sampler.arg=0.01",
        WORKER);
    assertThat(Telemetry.tree()).contains("~> batch").doesNotContain("nowhere", "ORPHAN");
  }

  /** A loop that polls may have a span of its own. */
  @Test
  void aBatchIsNoOrphanWhenTheSpanAroundItIsNotSampled() throws Exception {
    run(
        "many batches within an unsampled span",
        "-Dotel.traces.sampler=parentbased_traceidratio",
        "-Dotel.traces.sampler.arg=0.01",
        WORKER);
    assertThat(Telemetry.tree()).contains("~> batch").doesNotContain("nowhere", "ORPHAN");
  }

  /** A message whose sender was not sampled needs no span to be measured and passed on as such. */
  @Test
  void whatIsNotSampledIsMeasuredAndPassedOnAlikeWithAndWithoutASpan() throws Exception {
    List<Map<String, Map<Map<String, Object>, Long>>> measured = new ArrayList<>();
    for (boolean withoutSpan : List.of(true, false)) {
      Telemetry.reset();
      String output =
          run(
              "settled in every way",
              "-Dotel.traces.sampler=parentbased_traceidratio",
              "-Dotel.traces.sampler.arg=0",
              "-Dotel.metrics.exporter=otlp",
              "-Dotel.instrumentation.jnats.unsampled-by-parent=" + withoutSpan,
              WORKER.replace("[persist]", "[persist,retry]"));
      assertThat(output)
          .contains("forwarded in its trace\nforwarded in its trace\n")
          .doesNotContain("another trace");
      assertThat(Telemetry.tree()).isEmpty();
      Map<String, Map<Map<String, Object>, Long>> metrics = new TreeMap<>();
      for (String name : MESSAGING_METRICS) {
        metrics.put(name, Telemetry.metric(name));
      }
      measured.add(metrics);
    }
    assertThat(measured.get(0)).isEqualTo(measured.get(1));
    assertThat(Telemetry.metric("messaging.process.duration").values())
        .as("processed, among them one that was given up")
        .containsExactlyInAnyOrder(7L, 1L);
  }

  private static String run(String program, String... options) throws Exception {
    return run(Map.of(), program, options);
  }

  private static String run(Map<String, String> environment, String program, String... options)
      throws Exception {
    Fork fork = Fork.traced(environment, List.of(options), Program.class, server.url(), program);
    return fork.output() + fork.log();
  }
}
