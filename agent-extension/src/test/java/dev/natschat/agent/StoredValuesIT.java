package dev.natschat.agent;

import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_CLIENT;
import static io.opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_PRODUCER;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.JetStreamApiException;
import io.nats.client.JetStreamOptions;
import io.nats.client.KeyValue;
import io.nats.client.KeyValueOptions;
import io.nats.client.Nats;
import io.nats.client.ObjectStore;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.PushSubscribeOptions;
import io.nats.client.api.KeyValueConfiguration;
import io.nats.client.api.ObjectMeta;
import io.nats.client.api.ObjectStoreConfiguration;
import io.nats.client.api.OrderedConsumerConfiguration;
import io.nats.client.api.StorageType;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** KeyValue and ObjectStore: a stored value is linked to who reads it, never its parent. */
@SuppressWarnings("try")
class StoredValuesIT extends TracedTest {
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  private KeyValue rooms;
  private ObjectStore files;

  @BeforeEach
  void createBuckets() throws Exception {
    nats.keyValueManagement()
        .create(
            KeyValueConfiguration.builder()
                .name("rooms")
                .maxHistoryPerKey(5)
                .storageType(StorageType.Memory)
                .build());
    nats.objectStoreManagement()
        .create(
            ObjectStoreConfiguration.builder()
                .name("files")
                .storageType(StorageType.Memory)
                .build());
    rooms = nats.keyValue("rooms");
    files = nats.objectStore("files");
    Telemetry.reset();
  }

  @AfterEach
  void deleteBuckets() throws Exception {
    nats.keyValueManagement().delete("rooms");
    nats.objectStoreManagement().delete("files");
  }

  @Test
  void everyWriteOfAKeyIsAPublish() throws Exception {
    long revision = rooms.create("a", HELLO);
    rooms.update("a", HELLO, revision);
    rooms.put("a", HELLO);
    rooms.delete("a");
    rooms.purge("a");
    assertTraces("publish $KV.rooms.> PRODUCER\n".repeat(5));
  }

  @Test
  void whoGetsAValueIsLinkedToWhoPutIt() throws Exception {
    inSpan("write", () -> rooms.put("a", HELLO));
    inSpan("read", () -> rooms.get("a"));
    assertTraces(
        """
        write
          publish $KV.rooms.> PRODUCER
        read
          get $KV.rooms.> CLIENT ~> publish $KV.rooms.>
        """);
    assertThat(Telemetry.attributes(Telemetry.span("get $KV.rooms.>", SPAN_KIND_CLIENT)))
        .isEqualTo(
            Map.ofEntries(
                Map.entry("messaging.system", "nats"),
                Map.entry("messaging.operation.name", "get"),
                Map.entry("messaging.operation.type", "receive"),
                Map.entry("messaging.destination.name", "$KV.rooms.a"),
                Map.entry("messaging.destination.template", "$KV.rooms.>"),
                Map.entry("messaging.message.body.size", 5L),
                Map.entry("messaging.message.payload_size_bytes", 5L),
                Map.entry("messaging.nats.stream", "KV_rooms"),
                Map.entry("messaging.nats.stream_sequence", 1L),
                Map.entry("server.address", "127.0.0.1"),
                Map.entry("server.port", (long) server.port())));
  }

  /** A consumer of the bucket's stream works on what was stored, in a trace of its own. */
  @Test
  void whoPullsFromABucketIsLinkedToWhoPut() throws Exception {
    var subscription =
        nats.jetStream()
            .subscribe("$KV.rooms.>", PullSubscribeOptions.builder().durable("reader").build());
    rooms.put("a", HELLO);
    subscription.fetch(1, Duration.ofSeconds(20)).get(0).ack();
    assertTraces(
        """
        publish $KV.rooms.> PRODUCER
        process $KV.rooms.> CONSUMER ack ~> publish $KV.rooms.>
          settle $KV.rooms.> CLIENT ack
        """);
  }

  @Test
  void whoReadsABucketInOrderIsLinkedToWhoPut() throws Exception {
    var subscription =
        nats.jetStream()
            .subscribe("$KV.rooms.>", PushSubscribeOptions.builder().ordered(true).build());
    var pulled =
        nats.getStreamContext("KV_rooms").createOrderedConsumer(new OrderedConsumerConfiguration());
    rooms.put("a", HELLO);
    assertThat(subscription.nextMessage(Duration.ofSeconds(20))).isNotNull();
    assertThat(pulled.next(Duration.ofSeconds(20))).isNotNull();
    assertTraces(
        """
        publish $KV.rooms.> PRODUCER
        process $KV.rooms.> CONSUMER ~> publish $KV.rooms.>
        process $KV.rooms.> CONSUMER ~> publish $KV.rooms.>
        """);
  }

  @Test
  void whatListsABucketHasNoSpans() throws Exception {
    rooms.put("a", HELLO);
    rooms.put("a", HELLO);
    files.put("picture", HELLO);
    Telemetry.reset();
    assertThat(rooms.keys()).containsExactly("a");
    assertThat(rooms.history("a")).isNotEmpty();
    rooms.purgeDeletes();
    assertThat(files.getList()).hasSize(1);
    assertTraces("");
  }

  @Test
  void anOlderRevisionIsLinkedToItsOwnWriter() throws Exception {
    long first = rooms.put("a", HELLO);
    rooms.put("a", HELLO);
    assertThat(rooms.get("a", first)).isNotNull();
    assertTraces(
        """
        publish $KV.rooms.> PRODUCER
        publish $KV.rooms.> PRODUCER
        get $KV.rooms.> CLIENT ~> publish $KV.rooms.>
        """);
    var read = Telemetry.span("get $KV.rooms.>", SPAN_KIND_CLIENT);
    assertThat(read.getLinks(0).getSpanId()).isEqualTo(Telemetry.spans().get(0).getSpanId());
  }

  @Test
  void aMissingKeyIsNoError() throws Exception {
    assertThat(rooms.get("nothing")).isNull();
    assertTraces("get $KV.rooms.> CLIENT\n");
  }

  @Test
  void aFailedGetIsAnError() throws Exception {
    nats.keyValueManagement().delete("rooms");
    assertThatThrownBy(() -> rooms.get("a")).isInstanceOf(IOException.class);
    assertTraces("get $KV.rooms.> CLIENT ERROR java.io.IOException\n");
    createBuckets();
  }

  @Test
  void anObjectIsOnePublishHoweverManyChunksItHas() throws Exception {
    byte[] large = new byte[10_000];
    ObjectMeta meta = ObjectMeta.builder("picture").chunkSize(1000).build();
    inSpan("write", () -> files.put(meta, new ByteArrayInputStream(large)));
    ByteArrayOutputStream read = new ByteArrayOutputStream();
    inSpan("read", () -> files.get("picture", read));
    assertThat(read.toByteArray()).isEqualTo(large);
    assertTraces(
        """
        write
          publish $O.files.> PRODUCER
        read
          get $O.files.> CLIENT ~> publish $O.files.>
        """);
    assertThat(Telemetry.attributes(Telemetry.span("publish $O.files.>", SPAN_KIND_PRODUCER)))
        .containsEntry("messaging.message.body.size", 10_000L)
        .containsEntry("messaging.destination.name", "$O.files.M.cGljdHVyZQ==")
        .containsEntry("server.port", (long) server.port());
    assertThat(Telemetry.attributes(Telemetry.span("get $O.files.>", SPAN_KIND_CLIENT)))
        .containsEntry("messaging.message.body.size", 10_000L)
        .containsEntry("messaging.destination.name", "$O.files.M.cGljdHVyZQ==");
  }

  @Test
  void aLinkToAnObjectIsFollowedInOneSpan() throws Exception {
    files.put("original", HELLO);
    files.addLink("alias", files.getInfo("original"));
    Telemetry.reset();
    files.get("alias", new ByteArrayOutputStream());
    assertTraces("get $O.files.> CLIENT ~> nowhere\n");
  }

  @Test
  void aMissingObjectIsAnErrorAsItIsForTheCaller() {
    assertThatThrownBy(() -> files.get("nothing", new ByteArrayOutputStream()))
        .isInstanceOf(IllegalArgumentException.class);
    assertTraces("get $O.files.> CLIENT ERROR java.lang.IllegalArgumentException\n");
  }

  @Test
  void aValueOfAnotherDomainIsLinkedToItsWriter(@TempDir Path directory) throws Exception {
    String hub = "jetstream { store_dir: \"%s\", domain: hub }".formatted(directory);
    JetStreamOptions domain = JetStreamOptions.builder().domain("hub").build();
    try (NatsServer leaf = NatsServer.start(hub);
        Connection connection = Nats.connect(leaf.options().build())) {
      connection
          .keyValueManagement()
          .create(
              KeyValueConfiguration.builder()
                  .name("rooms")
                  .storageType(StorageType.Memory)
                  .build());
      KeyValue remote =
          connection.keyValue("rooms", KeyValueOptions.builder().jetStreamOptions(domain).build());
      Telemetry.reset();
      remote.put("a", HELLO);
      assertThat(remote.get("a").getValue()).isEqualTo(HELLO);
      assertTraces(
          """
          publish $KV.rooms.> PRODUCER
          get $KV.rooms.> CLIENT ~> publish $KV.rooms.>
          """);
    }
  }

  @Test
  void whatTheStreamOfAnObjectDoesHasSpansOfItsOwn() throws Exception {
    nats.createDispatcher(message -> nats.publish(message.getReplyTo(), HELLO)).subscribe("asked");
    InputStream asking =
        new ByteArrayInputStream(HELLO) {
          @Override
          public synchronized int read(byte[] into, int offset, int length) {
            nats.request("asked", HELLO).join();
            return super.read(into, offset, length);
          }
        };
    files.put(ObjectMeta.builder("picture").build(), asking);
    assertTraces(
        "publish $O.files.> PRODUCER\n"
            + """
        request CLIENT
          process asked SERVER
            publish (temporary) PRODUCER
        """
                .repeat(2));
  }

  /** A thread of a pool may even do so while it waits. */
  @Test
  void anObjectPutOrGotMeanwhileIsOneOfItsOwn() throws Exception {
    InputStream putting =
        new ByteArrayInputStream(HELLO) {
          @Override
          public void close() throws IOException {
            put("inner");
          }
        };
    OutputStream getting =
        new ByteArrayOutputStream() {
          @Override
          public void flush() throws IOException {
            get("inner");
          }
        };
    inSpan("write", () -> files.put(ObjectMeta.builder("outer").build(), putting));
    inSpan("read", () -> files.get("outer", getting));
    assertTraces(
        """
        write
          publish $O.files.> PRODUCER
          publish $O.files.> PRODUCER
        read
          get $O.files.> CLIENT ~> publish $O.files.>
          get $O.files.> CLIENT ~> publish $O.files.>
        """);
    assertThat(Telemetry.spans())
        .filteredOn(span -> span.getName().startsWith("publish"))
        .extracting(span -> Telemetry.attributes(span).get("messaging.destination.name"))
        .containsExactly("$O.files.M.b3V0ZXI=", "$O.files.M.aW5uZXI=");
  }

  private void put(String name) throws IOException {
    try {
      files.put(name, HELLO);
    } catch (JetStreamApiException | NoSuchAlgorithmException e) {
      throw new IOException(e);
    }
  }

  private void get(String name) throws IOException {
    try {
      files.get(name, new ByteArrayOutputStream());
    } catch (JetStreamApiException | NoSuchAlgorithmException | InterruptedException e) {
      throw new IOException(e);
    }
  }

  @Test
  void anApiPrefixHidesNoSubjectOfTheApplication() throws Exception {
    nats.jetStream(JetStreamOptions.builder().prefix("shop").build());
    nats.createDispatcher(message -> {}).subscribe("shop.>");
    nats.publish("shop.created", HELLO);
    assertTraces(
        """
        publish PRODUCER
          process shop.> CONSUMER
        """);
  }

  @Test
  void anApiPrefixOfOnesOwnIsPlumbingToo() throws Exception {
    JetStreamOptions imported = JetStreamOptions.builder().prefix("imported.API").build();
    AtomicInteger forwarded = new AtomicInteger();
    nats.createDispatcher(
            message -> {
              forwarded.incrementAndGet();
              // as the account's import would: the same API by another name
              String subject = message.getSubject().replace("imported.API", "$JS.API");
              nats.publish(subject, message.getReplyTo(), message.getData());
            })
        .subscribe("imported.>");
    KeyValue same =
        nats.keyValue("rooms", KeyValueOptions.builder().jetStreamOptions(imported).build());
    Telemetry.reset();
    assertThat(same.get("nothing")).isNull();
    assertThat(Telemetry.tree())
        .startsWith("get $KV.rooms.> CLIENT\n")
        .doesNotContain("request", "publish");
    // The replies go past us: until the handler's spans give up they are no other test's business.
    await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(
            () ->
                assertThat(Telemetry.spans())
                    .filteredOn(span -> span.getName().equals("process imported.>"))
                    .hasSize(forwarded.get()));
  }
}
