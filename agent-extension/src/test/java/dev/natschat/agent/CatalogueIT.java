package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.BaseConsumerContext;
import io.nats.client.Connection;
import io.nats.client.Dispatcher;
import io.nats.client.FetchConsumer;
import io.nats.client.IterableConsumer;
import io.nats.client.JetStream;
import io.nats.client.JetStreamApiException;
import io.nats.client.JetStreamSubscription;
import io.nats.client.Message;
import io.nats.client.MessageConsumer;
import io.nats.client.MessageHandler;
import io.nats.client.Nats;
import io.nats.client.OrderedConsumerContext;
import io.nats.client.PublishOptions;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.PushSubscribeOptions;
import io.nats.client.StreamContext;
import io.nats.client.Subscription;
import io.nats.client.api.AckPolicy;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.KeyValueConfiguration;
import io.nats.client.api.KeyValueEntry;
import io.nats.client.api.KeyValueWatcher;
import io.nats.client.api.ObjectMeta;
import io.nats.client.api.ObjectStoreConfiguration;
import io.nats.client.api.OrderedConsumerConfiguration;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.nats.service.ServiceBuilder;
import io.nats.service.ServiceEndpoint;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every way jnats moves a message, and the spans it makes: {@code SPANS.md} shows them, and is
 * compared with what happens. {@code -Dspans.write=true} writes the page anew.
 */
@SuppressWarnings("try")
class CatalogueIT extends TracedTest {
  private static final Path PAGE = Path.of("SPANS.md");
  private static final Pattern ENTRY = Pattern.compile("(?s)\n### ([^\n]+)\n\n(.*?)(?=\n##|\\z)");
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  private static final String QUIET = "(nothing)";
  private static final String INTRODUCTION =
      """
      # The spans, path by path

      What this page shows is what `CatalogueIT` saw on a real server: the test fails when a path makes other spans. One line
      is one span: its name, its kind, what became of it, and the spans it is linked to (`~>`). Children stand below
      their parents. The destination template is `chat.*,admin.*`.

      Written by `mvn verify -pl agent-extension -Dit.test=CatalogueIT -Dspans.write=true`.
      """;

  /** In place of comparing. */
  private static final @Nullable Map<String, String> written =
      Boolean.getBoolean("spans.write") ? new LinkedHashMap<>() : null;

  private final BlockingQueue<Object> arrived = new LinkedBlockingQueue<>();
  private JetStream jetStream;
  private StreamContext stream;

  interface Scenario {
    void run() throws Exception;
  }

  private Map<String, Map<String, Scenario>> chapters() {
    Map<String, Map<String, Scenario>> chapters = new LinkedHashMap<>();
    chapters.put("Core", core());
    chapters.put("Request and reply", requests());
    chapters.put("JetStream publish", publishing());
    chapters.put("JetStream push", push());
    chapters.put("JetStream pull", pull());
    chapters.put("Settlement", settlement());
    chapters.put("Batches", batches());
    chapters.put("KeyValue and ObjectStore", stores());
    return chapters;
  }

  private Map<String, Scenario> core() {
    Map<String, Scenario> entries = new LinkedHashMap<>();
    entries.put(
        "publish, and a handler that works",
        () -> {
          handle("admin.*", message -> span("what the handler does"));
          nats.publish("admin.a", HELLO);
        });
    entries.put(
        "publish to a queue group",
        () -> {
          Dispatcher dispatcher = nats.createDispatcher(arrived::add);
          dispatcher.subscribe("admin.*", "readers");
          dispatcher.subscribe("admin.a", "readers");
          nats.publish("admin.a", HELLO);
          take();
        });
    entries.put(
        "publish to a dispatcher's default handler",
        () -> {
          nats.createDispatcher(arrived::add).subscribe("admin.*");
          nats.publish("admin.a", HELLO);
        });
    entries.put(
        "publish to a subject that no template covers",
        () -> {
          handle("orders.>", arrived::add);
          nats.publish("orders.4711.paid", HELLO);
        });
    entries.put(
        "publish, and nextMessage, where a batch method is configured",
        () -> {
          Subscription subscription = nats.subscribe("admin.*");
          nats.publish("admin.a", HELLO);
          assertThat(subscription.nextMessage(TIMEOUT)).isNotNull();
        });
    entries.put(
        "publish inside a span, with a reply subject",
        () -> {
          handle("admin.*", message -> nats.publish(message.getReplyTo(), HELLO));
          handle("answers", arrived::add);
          inSpan(
              "what the caller does",
              () -> {
                nats.publish("admin.a", "answers", HELLO);
                return null;
              });
        });
    entries.put(
        "a handler that throws",
        () -> {
          handle(
              "admin.*",
              message -> {
                throw new IllegalStateException("broken");
              });
          nats.publish("admin.a", HELLO);
        });
    entries.put(
        "unsubscribe with messages pending, and drain",
        () -> {
          Subscription pending = nats.subscribe("admin.*");
          nats.publish("admin.dropped", HELLO);
          nats.flush(TIMEOUT);
          pending.unsubscribe();
          Dispatcher dispatcher = nats.createDispatcher(arrived::add);
          dispatcher.subscribe("admin.*");
          nats.publish("admin.kept", HELLO);
          assertThat(dispatcher.drain(TIMEOUT).get(20, TimeUnit.SECONDS)).isTrue();
        });
    entries.put(
        "publish on a closed connection",
        () -> {
          nats.close();
          try {
            nats.publish("admin.a", HELLO);
          } catch (IllegalStateException expected) {
            arrived.add(expected);
          }
          take();
        });
    return entries;
  }

  private Map<String, Scenario> requests() {
    Map<String, Scenario> entries = new LinkedHashMap<>();
    entries.put(
        "request, and the handler that answers",
        () -> {
          handle("admin.ask", message -> nats.publish(message.getReplyTo(), HELLO));
          assertThat(nats.request("admin.ask", HELLO, TIMEOUT)).isNotNull();
        });
    entries.put(
        "request with a future, and its callback",
        () -> {
          handle("admin.ask", message -> nats.publish(message.getReplyTo(), HELLO));
          CompletableFuture<?> done =
              inSpan(
                  "what the caller does",
                  () -> nats.request("admin.ask", HELLO).thenAccept(reply -> span("callback")));
          done.get(20, TimeUnit.SECONDS);
        });
    entries.put(
        "request that nobody answers: no responders",
        () -> assertThat(nats.request("admin.nobody", HELLO, TIMEOUT)).isNull());
    entries.put(
        "request that nobody answers in time",
        () -> {
          nats.subscribe("admin.silent");
          assertThat(nats.request("admin.silent", HELLO, Duration.ofMillis(200))).isNull();
        });
    entries.put(
        "request that is cancelled",
        () -> {
          nats.subscribe("admin.silent");
          CompletableFuture<Message> reply = nats.request("admin.silent", HELLO);
          assertThat(reply.cancel(true)).isTrue();
          try {
            reply.get(20, TimeUnit.SECONDS);
          } catch (CancellationException expected) {
            arrived.add(expected);
          }
          take();
        });
    entries.put(
        "request to a service endpoint; its PING, INFO and STATS are quiet",
        () -> {
          var service =
              new ServiceBuilder()
                  .connection(nats)
                  .name("history")
                  .version("1.0.0")
                  .addServiceEndpoint(
                      ServiceEndpoint.builder()
                          .endpointName("last")
                          .endpointSubject("admin.history")
                          .handler(message -> message.respond(nats, HELLO))
                          .build())
                  .build();
          var unused = service.startService();
          nats.flush(TIMEOUT);
          assertThat(nats.request("admin.history", HELLO, TIMEOUT)).isNotNull();
          for (String verb : List.of("PING", "INFO", "STATS")) {
            assertThat(nats.request("$SRV." + verb + ".history", HELLO, TIMEOUT)).isNotNull();
          }
          service.stop();
        });
    entries.put(
        "a reply that says it is an error",
        () -> {
          Headers error = new Headers().add("Nats-Service-Error", "sorry");
          error.add("Nats-Service-Error-Code", "503");
          handle("admin.ask", message -> nats.publish(message.getReplyTo(), error, HELLO));
          assertThat(nats.request("admin.ask", HELLO, TIMEOUT)).isNotNull();
        });
    return entries;
  }

  private Map<String, Scenario> publishing() {
    Map<String, Scenario> entries = new LinkedHashMap<>();
    entries.put("publish, acknowledged by the stream", () -> jetStream.publish("chat.a", HELLO));
    entries.put(
        "publishAsync, and its callback",
        () ->
            inSpan(
                    "what the caller does",
                    () ->
                        jetStream.publishAsync("chat.a", HELLO).thenAccept(ack -> span("callback")))
                .get(20, TimeUnit.SECONDS));
    entries.put(
        "publish with expectations that fail",
        () -> {
          try {
            jetStream.publish(
                "chat.a", HELLO, PublishOptions.builder().expectedLastSequence(99).build());
          } catch (JetStreamApiException expected) {
            arrived.add(expected);
          }
          take();
        });
    entries.put(
        "publish that no stream takes",
        () -> {
          try {
            jetStream.publish("admin.a", HELLO);
          } catch (IOException expected) {
            arrived.add(expected);
          }
          take();
        });
    return entries;
  }

  private Map<String, Scenario> push() {
    Map<String, Scenario> entries = new LinkedHashMap<>();
    entries.put(
        "push to a handler",
        () -> {
          jetStream.subscribe("chat.*", nats.createDispatcher(), Message::ack, false);
          jetStream.publish("chat.a", HELLO);
        });
    entries.put(
        "push to a handler of a queue group, acknowledged by jnats",
        () -> {
          jetStream.subscribe(
              "chat.*",
              "readers",
              nats.createDispatcher(),
              arrived::add,
              true,
              (PushSubscribeOptions) null);
          jetStream.publish("chat.a", HELLO);
        });
    entries.put(
        "push, and nextMessage",
        () -> {
          JetStreamSubscription subscription = jetStream.subscribe("chat.*");
          jetStream.publish("chat.a", HELLO);
          subscription.nextMessage(TIMEOUT).ack();
        });
    entries.put(
        "push to an ordered consumer, and nextMessage",
        () -> {
          JetStreamSubscription subscription =
              jetStream.subscribe("chat.*", PushSubscribeOptions.builder().ordered(true).build());
          jetStream.publish("chat.a", HELLO);
          assertThat(subscription.nextMessage(TIMEOUT)).isNotNull();
        });
    entries.put(
        "heartbeats and flow control are quiet",
        () -> {
          JetStreamSubscription subscription =
              jetStream.subscribe(
                  "chat.*",
                  PushSubscribeOptions.builder()
                      .configuration(
                          ConsumerConfiguration.builder()
                              .flowControl(Duration.ofMillis(100))
                              .build())
                      .build());
          assertThat(subscription.nextMessage(Duration.ofMillis(500))).isNull();
        });
    return entries;
  }

  private Map<String, Scenario> pull() {
    Map<String, Scenario> entries = new LinkedHashMap<>();
    entries.put(
        "subscription: fetch, iterate, reader",
        () -> {
          publishThree();
          JetStreamSubscription subscription =
              jetStream.subscribe(null, PullSubscribeOptions.bind("CHAT", "reader"));
          subscription.fetch(1, TIMEOUT).get(0).ack();
          var iterator = subscription.iterate(1, TIMEOUT);
          assertThat(iterator.hasNext()).isTrue();
          iterator.next().ack();
          var reader = subscription.reader(1, 1);
          reader.nextMessage(TIMEOUT).ack();
          reader.stop();
        });
    entries.put(
        "consumer context: next, fetch, iterate",
        () -> {
          publishThree();
          var consumer = stream.getConsumerContext("reader");
          consumer.next(TIMEOUT).ack();
          fetchOne(consumer).ack();
          try (IterableConsumer iterable = consumer.iterate()) {
            iterable.nextMessage(TIMEOUT).ack();
          }
        });
    entries.put(
        "consumer context: consume",
        () -> {
          try (MessageConsumer consumer =
              stream
                  .getConsumerContext("reader")
                  .consume(
                      message -> {
                        message.ack();
                        arrived.add(message);
                      })) {
            jetStream.publish("chat.a", HELLO);
            take();
          }
        });
    entries.put(
        "ordered consumer: next, fetch, iterate",
        () -> {
          publishThree();
          OrderedConsumerContext consumer =
              stream.createOrderedConsumer(new OrderedConsumerConfiguration());
          assertThat(consumer.next(TIMEOUT)).isNotNull();
          fetchOne(consumer);
          try (IterableConsumer iterable = consumer.iterate()) {
            assertThat(iterable.nextMessage(TIMEOUT)).isNotNull();
          }
        });
    entries.put(
        "ordered consumer: consume",
        () -> {
          OrderedConsumerContext consumer =
              stream.createOrderedConsumer(new OrderedConsumerConfiguration());
          try (MessageConsumer consuming = consumer.consume(arrived::add)) {
            jetStream.publish("chat.a", HELLO);
            take();
          }
        });
    entries.put(
        "no messages, more requests than the consumer allows, a consumer deleted: quiet",
        () -> {
          JetStreamSubscription subscription =
              jetStream.subscribe(null, PullSubscribeOptions.bind("CHAT", "reader"));
          assertThat(subscription.fetch(1, Duration.ofMillis(200))).isEmpty();
          subscription.pullNoWait(1);
          nats.flush(TIMEOUT);
          nats.jetStreamManagement().deleteConsumer("CHAT", "reader");
          try {
            assertThat(subscription.fetch(1, Duration.ofMillis(200))).isEmpty();
          } catch (IllegalStateException deleted) {
            arrived.add(deleted);
          }
        });
    return entries;
  }

  private Map<String, Scenario> settlement() {
    Map<String, Scenario> entries = new LinkedHashMap<>();
    entries.put(
        "inProgress, ackSync",
        () -> {
          jetStream.publish("chat.a", HELLO);
          Message message = stream.getConsumerContext("reader").next(TIMEOUT);
          message.inProgress();
          message.ackSync(TIMEOUT);
        });
    entries.put(
        "nak, delivered again, acknowledged",
        () -> {
          jetStream.publish("chat.a", HELLO);
          var consumer = stream.getConsumerContext("reader");
          consumer.next(TIMEOUT).nak();
          consumer.next(TIMEOUT).ack();
        });
    entries.put(
        "nakWithDelay",
        () -> {
          jetStream.publish("chat.a", HELLO);
          stream.getConsumerContext("reader").next(TIMEOUT).nakWithDelay(Duration.ofMinutes(5));
        });
    entries.put(
        "term: given up",
        () -> {
          jetStream.publish("chat.a", HELLO);
          stream.getConsumerContext("reader").next(TIMEOUT).term();
        });
    entries.put(
        "settled on another thread, when the handler has returned",
        () -> {
          jetStream.subscribe("chat.*", nats.createDispatcher(), arrived::add, false);
          jetStream.publish("chat.a", HELLO);
          Message message = (Message) take();
          await().until(() -> Telemetry.tree().contains("process"));
          message.ack();
        });
    return entries;
  }

  private Map<String, Scenario> batches() {
    Map<String, Scenario> entries = new LinkedHashMap<>();
    entries.put("a batch method gets one message", () -> batchOf(1));
    entries.put("a batch method gets three messages", () -> batchOf(3));
    return entries;
  }

  private Map<String, Scenario> stores() {
    Map<String, Scenario> entries = new LinkedHashMap<>();
    entries.put(
        "KeyValue: create, update, put, delete, purge",
        () -> {
          var rooms = nats.keyValue("rooms");
          rooms.update("a", HELLO, rooms.create("a", HELLO));
          rooms.put("a", HELLO);
          rooms.delete("a");
          rooms.purge("a");
        });
    entries.put(
        "KeyValue: put, get, watch",
        () -> {
          var rooms = nats.keyValue("rooms");
          rooms.put("a", HELLO);
          assertThat(rooms.get("a")).isNotNull();
          rooms.watchAll(
              new KeyValueWatcher() {
                @Override
                public void watch(KeyValueEntry entry) {
                  arrived.add(entry);
                }

                @Override
                public void endOfData() {}
              });
          take();
        });
    entries.put(
        "KeyValue: put; its stream is pulled, as for change data capture",
        () -> {
          nats.keyValue("rooms").put("a", HELLO);
          var changes =
              nats.jetStream()
                  .subscribe(
                      "$KV.rooms.>", PullSubscribeOptions.builder().durable("changes").build());
          changes.fetch(1, TIMEOUT).get(0).ack();
        });
    entries.put(
        "ObjectStore: put in ten chunks, get",
        () -> {
          var files = nats.objectStore("files");
          files.put(
              ObjectMeta.builder("picture").chunkSize(1000).build(),
              new ByteArrayInputStream(new byte[10_000]));
          files.get("picture", new ByteArrayOutputStream());
        });
    return entries;
  }

  @BeforeEach
  void createStreamAndBuckets() throws Exception {
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
                .ackWait(TIMEOUT.dividedBy(2)) // what fetchOne lost comes again in time
                .maxPullWaiting(1)
                .build());
    nats.keyValueManagement()
        .create(
            KeyValueConfiguration.builder().name("rooms").storageType(StorageType.Memory).build());
    nats.objectStoreManagement()
        .create(
            ObjectStoreConfiguration.builder()
                .name("files")
                .storageType(StorageType.Memory)
                .build());
    jetStream = nats.jetStream();
    stream = nats.getStreamContext("CHAT");
    arrived.clear();
    Telemetry.reset();
  }

  @AfterEach
  void deleteStreamAndBuckets() throws Exception {
    try (Connection other = Nats.connect(options().build())) {
      other.jetStreamManagement().deleteStream("CHAT");
      other.keyValueManagement().delete("rooms");
      other.objectStoreManagement().delete("files");
    }
  }

  private static List<String> titles() {
    return new CatalogueIT()
        .chapters().values().stream().flatMap(chapter -> chapter.keySet().stream()).toList();
  }

  @ParameterizedTest
  @MethodSource("titles")
  void thePageShowsWhatHappens(String title) throws Exception {
    scenario(title).run();
    if (written != null) {
      Thread.sleep(1500); // for what nobody expects yet
      written.put(title, Telemetry.tree());
    } else {
      assertTraces(page().getOrDefault(title, "not on the page"));
    }
  }

  @Test
  void thePageShowsNothingElse() throws Exception {
    if (written == null) {
      assertThat(page().keySet()).containsExactlyElementsOf(titles());
    }
  }

  private Scenario scenario(String title) {
    return chapters().values().stream()
        .map(chapter -> chapter.get(title))
        .filter(scenario -> scenario != null)
        .findFirst()
        .orElseThrow();
  }

  private static Map<String, String> page() throws IOException {
    Map<String, String> page = new LinkedHashMap<>();
    Matcher entry = ENTRY.matcher(Files.readString(PAGE));
    while (entry.find()) {
      String tree = entry.group(2).stripTrailing().stripIndent();
      page.put(entry.group(1), tree.equals(QUIET) ? "" : tree + "\n");
    }
    return page;
  }

  @AfterAll
  static void writePage() throws IOException {
    if (written == null) {
      return;
    }
    StringBuilder page = new StringBuilder(INTRODUCTION);
    new CatalogueIT()
        .chapters()
        .forEach(
            (chapter, entries) -> {
              page.append("\n## ").append(chapter).append('\n');
              for (String title : entries.keySet()) {
                String tree = written.getOrDefault(title, "");
                page.append("\n### ").append(title).append("\n\n");
                page.append((tree.isEmpty() ? QUIET : tree).stripTrailing().indent(4));
              }
            });
    Files.writeString(PAGE, page);
  }

  private void handle(String subject, MessageHandler handler) throws Exception {
    nats.createDispatcher().subscribe(subject, handler);
    nats.flush(TIMEOUT);
  }

  private static Message fetchOne(BaseConsumerContext consumer) throws Exception {
    while (true) { // jnats may end a fetch early and lose a message that is just arriving
      try (FetchConsumer fetch = consumer.fetchMessages(1)) {
        Message message = fetch.nextMessage();
        if (message != null) {
          assertThat(fetch.nextMessage()).isNull();
          return message;
        }
      }
    }
  }

  private void publishThree() throws Exception {
    for (int i = 0; i < 3; i++) {
      jetStream.publish("chat.a", HELLO);
    }
  }

  private void batchOf(int count) throws Exception {
    for (int i = 0; i < count; i++) {
      jetStream.publish("chat.a", HELLO);
    }
    JetStreamSubscription subscription =
        jetStream.subscribe(null, PullSubscribeOptions.bind("CHAT", "reader"));
    new BatchIT.Worker().persist(subscription.fetch(count, TIMEOUT));
  }

  private Object take() throws InterruptedException {
    Object taken = arrived.poll(20, TimeUnit.SECONDS);
    assertThat(taken).isNotNull();
    return taken;
  }
}
