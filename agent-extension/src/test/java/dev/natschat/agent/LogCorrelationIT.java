package dev.natschat.agent;

import static dev.natschat.agent.TracedTest.inSpan;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.JetStream;
import io.nats.client.JetStreamSubscription;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.Subscription;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.opentelemetry.proto.logs.v1.LogRecord;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent's log bridges and MDC beside the extension: a line that is logged while a message is
 * handled bears the ids of that message's span, on whichever thread.
 */
@SuppressWarnings({"try", "FutureReturnValueIgnored"})
class LogCorrelationIT {
  private static final Map<String, String> spans = new TreeMap<>();
  private static Fork fork;

  /** Says, by Logback and by java.util.logging, where it is. */
  static final class Program {
    private static final Logger logback = LoggerFactory.getLogger("logback");
    private static final java.util.logging.Logger jul = java.util.logging.Logger.getLogger("jul");
    private static final Duration TIMEOUT = Duration.ofSeconds(20);
    private static final byte[] HELLO = "hello".getBytes(UTF_8);
    private static final Set<String> said = ConcurrentHashMap.newKeySet();

    public static void main(String[] arguments) throws Exception {
      ExecutorService pool = newExecutor();
      try (Connection nats = Nats.connect(NatsServer.options(arguments[0]).build());
          // It looks for requests that timed out so often, and gives those without a time as
          // little.
          Connection impatient =
              Nats.connect(
                  NatsServer.options(arguments[0])
                      .requestCleanupInterval(Duration.ofMillis(100))
                      .build())) {
        handlers(nats, pool);
        requests(nats);
        requestInVain(impatient);
        nextMessage(nats);
        jetStream(nats);
      }
      pool.shutdown();
      try (Connection nats =
          Nats.connect(Fork.withExecutor(NatsServer.options(arguments[0])).build())) {
        nats.createDispatcher(message -> say("handler of a dispatcher with executor"))
            .subscribe("logs.executor");
        nats.publish("logs.executor", HELLO);
        hear("handler of a dispatcher with executor");
      }
      say("after all");
    }

    private static void say(String where) {
      logback.info(where);
      jul.info(where);
      said.add(where);
    }

    private static void hear(String where) {
      await().atMost(TIMEOUT).until(() -> said.contains(where));
    }

    private static void handlers(Connection nats, ExecutorService pool) {
      nats.createDispatcher(
              message -> {
                say("handler");
                pool.execute(() -> say("executor of a handler"));
                throw new IllegalStateException("broken");
              })
          .subscribe("logs.handled");
      nats.publish("logs.handled", HELLO);
      hear("executor of a handler");
    }

    private static void requests(Connection nats) throws Exception {
      CountDownLatch asked = new CountDownLatch(1);
      nats.createDispatcher(
              message -> {
                say("answering handler");
                asked.await();
                nats.publish(message.getReplyTo(), HELLO);
              })
          .subscribe("logs.asked");
      inSpan(
          "asking",
          () ->
              nats.request("logs.asked", HELLO).thenAccept(reply -> say("callback of a request")));
      asked.countDown();
      hear("callback of a request");
    }

    private static void requestInVain(Connection nats) throws Exception {
      nats.subscribe("logs.silent");
      inSpan(
          "asking in vain",
          () ->
              nats.requestWithTimeout("logs.silent", HELLO, Duration.ofMillis(100))
                  .whenComplete((reply, thrown) -> say("callback of a request that timed out")));
      hear("callback of a request that timed out");
    }

    private static void nextMessage(Connection nats) throws Exception {
      Subscription subscription = nats.subscribe("logs.next");
      nats.publish("logs.next", HELLO);
      nats.publish("logs.next", HELLO);
      inSpan(
          "reading",
          () -> {
            subscription.nextMessage(TIMEOUT);
            say("nextMessage in a span of the application");
            return null;
          });
      subscription.nextMessage(TIMEOUT);
      say("nextMessage");
    }

    private static void jetStream(Connection nats) throws Exception {
      nats.jetStreamManagement()
          .addStream(
              StreamConfiguration.builder()
                  .name("LOGS")
                  .subjects("stored.*")
                  .storageType(StorageType.Memory)
                  .build());
      JetStream jetStream = nats.jetStream();
      inSpan(
              "storing",
              () ->
                  jetStream
                      .publishAsync("stored.pushed", HELLO)
                      .thenAccept(ack -> say("callback of publishAsync")))
          .join();
      jetStream.subscribe(
          "stored.pushed", nats.createDispatcher(), message -> say("push handler"), true);
      hear("push handler");
      JetStreamSubscription puller =
          jetStream.subscribe(
              "stored.pulled", PullSubscribeOptions.builder().durable("puller").build());
      for (int i = 0; i < 3; i++) {
        jetStream.publish("stored.pulled", HELLO);
      }
      for (int size : List.of(1, 2)) {
        List<Message> batch = puller.fetch(size, TIMEOUT);
        persist(batch);
      }
      nats.getStreamContext("LOGS")
          .getConsumerContext("puller")
          .consume(
              message -> {
                say("consume handler");
                message.ack();
              });
      jetStream.publish("stored.pulled", HELLO);
      hear("consume handler");
    }

    static void persist(List<Message> batch) {
      say("batch of " + batch.size());
      batch.forEach(Message::ack);
    }

    /** Of virtual threads where Java has them. */
    private static ExecutorService newExecutor() throws ReflectiveOperationException {
      return Runtime.version().feature() < 21
          ? Executors.newCachedThreadPool()
          : (ExecutorService)
              Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
    }
  }

  @BeforeAll
  static void run() throws Exception {
    Telemetry.reset();
    try (NatsServer server = NatsServer.start()) {
      fork =
          Fork.traced(
              List.of(
                  "-Dotel.logs.exporter=otlp",
                  "-Dotel.instrumentation.jnats.batch-process-methods="
                      + "dev.natschat.agent.LogCorrelationIT$Program[persist]"),
              Program.class,
              server.url());
    }
    Telemetry.spans()
        .forEach(
            span ->
                spans.put(
                    hex(span.getTraceId().toByteArray())
                        + "|"
                        + hex(span.getSpanId().toByteArray()),
                    span.getName()));
  }

  @Test
  void theMdcHasTheIdsOfTheSpanThatIsWorkedIn() {
    assertThat(
            fork.output()
                .lines()
                .map(line -> line.split("\\|", 2))
                .collect(toMap(line -> line[0], line -> nameOf(line[1]))))
        .isEqualTo(expected());
  }

  @Test
  void recordsOfLogbackHaveThem() {
    assertThat(recordsOf("logback")).isEqualTo(expected());
  }

  @Test
  void recordsOfJavaUtilLoggingHaveThem() {
    assertThat(recordsOf("jul")).isEqualTo(expected());
  }

  /** A message that is only read is worked on in no span but the reader's own. */
  private static Map<String, String> expected() {
    return Map.ofEntries(
        Map.entry("handler", "process logs.handled"),
        Map.entry("executor of a handler", "process logs.handled"),
        Map.entry("answering handler", "process logs.asked"),
        Map.entry("callback of a request", "asking"),
        Map.entry("callback of a request that timed out", "asking in vain"),
        Map.entry("nextMessage in a span of the application", "reading"),
        Map.entry("nextMessage", "none"),
        Map.entry("callback of publishAsync", "storing"),
        Map.entry("push handler", "process LOGS"),
        Map.entry("batch of 1", "process LOGS"),
        Map.entry("batch of 2", "process LOGS"),
        Map.entry("consume handler", "process LOGS"),
        Map.entry("handler of a dispatcher with executor", "process logs.executor"),
        Map.entry("after all", "none"));
  }

  private static Map<String, String> recordsOf(String logger) {
    return Telemetry.logs(logger).stream()
        .collect(toMap(line -> line.getBody().getStringValue(), line -> nameOf(ids(line))));
  }

  private static String ids(LogRecord line) {
    return line.getTraceId().isEmpty()
        ? "none|none"
        : hex(line.getTraceId().toByteArray()) + "|" + hex(line.getSpanId().toByteArray());
  }

  private static String nameOf(String ids) {
    return ids.equals("none|none") ? "none" : spans.getOrDefault(ids, "no span " + ids);
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }
}
