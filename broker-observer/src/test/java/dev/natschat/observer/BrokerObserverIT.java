package dev.natschat.observer;

import static dev.natschat.observer.Statistics.ACCOUNT;
import static dev.natschat.observer.Statistics.CLUSTER;
import static dev.natschat.observer.Statistics.CONSUMER;
import static dev.natschat.observer.Statistics.SERVER;
import static dev.natschat.observer.Statistics.STREAM;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.nats.client.AuthenticationException;
import io.nats.client.Connection;
import io.nats.client.JetStreamManagement;
import io.nats.client.JetStreamSubscription;
import io.nats.client.Message;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.api.AckPolicy;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.opentelemetry.api.common.Attributes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On real servers, as the user and with the permissions of nats/nats.conf. */
@SuppressWarnings("try") // connections
class BrokerObserverIT {
  private static final long MAX_BYTES = 10_000_000;
  private static final Attributes SERVER_ALONE =
      Attributes.of(SERVER, "nats-chat", CLUSTER, "nats-chat");
  private static final Attributes CHAT = Attributes.of(CLUSTER, "nats-chat", ACCOUNT, "CHAT");
  private static final Attributes CHAT_ON_SERVER =
      SERVER_ALONE.toBuilder().put(ACCOUNT, "CHAT").build();
  private static final Attributes THE_STREAM =
      CHAT.toBuilder().put(STREAM, "CHAT_MESSAGES").build();
  private static final Attributes THE_CONSUMER =
      THE_STREAM.toBuilder().put(CONSUMER, "worker").build();

  private final Path directory;
  private final NatsServer nats;
  private final Connection tester;

  BrokerObserverIT(@TempDir Path directory) throws Exception {
    this.directory = directory;
    nats = NatsServer.start(directory.resolve("nats"));
    tester = nats.connect("tester");
  }

  @AfterEach
  void stop() throws Exception {
    tester.close();
    nats.close();
  }

  private static StreamConfiguration stream(int replicas) {
    return StreamConfiguration.builder()
        .name("CHAT_MESSAGES")
        .subjects("chat.*")
        .storageType(StorageType.File)
        .maxBytes(MAX_BYTES)
        .replicas(replicas)
        .build();
  }

  private static final ConsumerConfiguration DURABLE =
      ConsumerConfiguration.builder()
          .durable("worker")
          .ackPolicy(AckPolicy.Explicit)
          .ackWait(Duration.ofSeconds(1))
          .maxAckPending(100)
          .build();

  @Test
  void aStreamAndItsConsumerAreMeasuredAndMove() throws Exception {
    JetStreamManagement management = tester.jetStreamManagement();
    management.addStream(stream(1));
    management.addOrUpdateConsumer("CHAT_MESSAGES", DURABLE);
    JetStreamSubscription worker =
        tester.jetStream().subscribe(null, PullSubscribeOptions.bind("CHAT_MESSAGES", "worker"));
    try (Observed observed = new Observed(nats.url(), null)) {
      observed.awaitSeries(Metric.STREAM_MESSAGES, Map.of(THE_STREAM, 0.0));
      publish(20);
      observed.awaitSeries(Metric.STREAM_MESSAGES, Map.of(THE_STREAM, 20.0));
      long bytes = management.getStreamInfo("CHAT_MESSAGES").getStreamState().getByteCount();
      observed.awaitSeries(Metric.STREAM_BYTES, Map.of(THE_STREAM, (double) bytes));
      observed.awaitSeries(Metric.STREAM_BYTES_LIMIT, Map.of(THE_STREAM, (double) MAX_BYTES));
      assertThat(observed.series(Metric.STREAM_MESSAGES_LIMIT)).isEmpty();
      observed.awaitSeries(Metric.STREAM_SEQUENCE_FIRST, Map.of(THE_STREAM, 1.0));
      observed.awaitSeries(Metric.STREAM_SEQUENCE_LAST, Map.of(THE_STREAM, 20.0));
      observed.awaitSeries(Metric.STREAM_CONSUMERS, Map.of(THE_STREAM, 1.0));
      observed.awaitSeries(Metric.STREAM_LEADERS, Map.of(THE_STREAM, 1.0));
      observed.awaitValue(Metric.ACCOUNT_STORAGE, CHAT, (double) bytes);
      observed.awaitValue(Metric.ACCOUNT_STORAGE_LIMIT, CHAT, 2e9 + 147483648);
      observed.awaitSeries(
          Metric.JETSTREAM_STORAGE_RESERVED, Map.of(SERVER_ALONE, (double) MAX_BYTES));

      observed.awaitSeries(Metric.CONSUMER_PENDING, Map.of(THE_CONSUMER, 20.0));
      observed.awaitSeries(Metric.CONSUMER_ACK_PENDING_LIMIT, Map.of(THE_CONSUMER, 100.0));
      assertThat(worker.fetch(5, Duration.ofSeconds(5))).hasSize(5);
      observed.awaitSeries(Metric.CONSUMER_PENDING, Map.of(THE_CONSUMER, 15.0));
      observed.awaitSeries(Metric.CONSUMER_ACK_PENDING, Map.of(THE_CONSUMER, 5.0));

      await().atMost(Duration.ofSeconds(30)).until(() -> redelivered(worker));
      observed.awaitValue(Metric.CONSUMER_REDELIVERED, THE_CONSUMER, value -> value >= 1);
      observed.awaitValue(Metric.CONSUMER_DELIVERIES, THE_CONSUMER, value -> value >= 6);

      tester.jetStreamManagement().purgeStream("CHAT_MESSAGES");
      worker.pull(1);
      observed.awaitSeries(Metric.CONSUMER_WAITING, Map.of(THE_CONSUMER, 1.0));

      management.deleteStream("CHAT_MESSAGES");
      observed.awaitSeries(Metric.STREAM_MESSAGES, Map.of());
      observed.awaitSeries(Metric.CONSUMER_PENDING, Map.of());
    }
  }

  /** The ack wait of the first five is over: they come before the sixth. */
  private static boolean redelivered(JetStreamSubscription worker) {
    return worker.fetch(1, Duration.ofSeconds(5)).stream()
        .anyMatch(message -> message.metaData().deliveredCount() > 1);
  }

  @Test
  void trafficIsCountedPerAccountFromZero() throws Exception {
    publish(50); // before the observer: not its
    try (Observed observed = new Observed(nats.url(), null)) {
      observed.awaitValue(Metric.ACCOUNT_MESSAGES_RECEIVED, CHAT_ON_SERVER, 0);
      tester.subscribe("news");
      tester.flush(Duration.ofSeconds(5));
      for (int i = 0; i < 7; i++) {
        tester.publish("news", new byte[100]);
      }
      tester.flush(Duration.ofSeconds(5));
      observed.awaitValue(Metric.ACCOUNT_MESSAGES_RECEIVED, CHAT_ON_SERVER, 7);
      observed.awaitValue(Metric.ACCOUNT_MESSAGES_SENT, CHAT_ON_SERVER, 7);
      observed.awaitValue(Metric.ACCOUNT_BYTES_RECEIVED, CHAT_ON_SERVER, 700);
      observed.awaitValue(Metric.ACCOUNT_BYTES_SENT, CHAT_ON_SERVER, 700);
      observed.awaitValue(Metric.ACCOUNT_CONNECTIONS, CHAT_ON_SERVER, 1);
      observed.awaitValue(Metric.ACCOUNT_SLOW_CONSUMERS, CHAT_ON_SERVER, 0);
      observed.awaitAsserted(
          () ->
              assertThat(accounts(observed))
                  .containsExactlyInAnyOrder("$G", "AUTH", "CHAT", "SYS"));
      observed.awaitValue(Metric.SERVER_MESSAGES_SENT, SERVER_ALONE, value -> value >= 7);
    }
  }

  private static Set<String> accounts(Observed observed) {
    return observed.series(Metric.ACCOUNT_CONNECTIONS).keySet().stream()
        .map(of -> of.get(ACCOUNT))
        .collect(Collectors.toSet());
  }

  @Test
  void withHopsOffNothingOfThemIsInTheServerNorInTheMetrics(@TempDir Path other) throws Exception {
    try (Observed observed = new Observed(nats.url(), null)) {
      observed.awaitSeries(Metric.SERVERS, Map.of(Attributes.empty(), 1.0));

      assertThat(accountsOf(nats)).contains("CHAT").doesNotContain("OBS");
      assertThat(accountsOf(nats, "CHAT")).contains("CHAT").doesNotContain("hops");
      assertThat(observed.names()).isNotEmpty().noneMatch(name -> name.startsWith("nats.hops"));
      assertThatThrownBy(() -> nats.connect("broker-observer-hops"))
          .isInstanceOf(AuthenticationException.class);
    }
    try (NatsServer withHops = NatsServer.startWithHops(other, 100)) {
      assertThat(accountsOf(withHops)).contains("CHAT", "OBS");
      assertThat(accountsOf(withHops, "CHAT")).contains("hops");
      withHops.connect("broker-observer-hops").close();
    }
  }

  private static String accountsOf(NatsServer server) throws Exception {
    return askServer(server, "ACCOUNTZ", "");
  }

  private static String accountsOf(NatsServer server, String account) throws Exception {
    return askServer(server, "ACCOUNTZ", "{\"account\":\"" + account + "\"}");
  }

  private static String askServer(NatsServer server, String what, String options) throws Exception {
    try (Connection admin = server.connect("admin")) {
      String subject = "$SYS.REQ.SERVER." + admin.getServerInfo().getServerId() + "." + what;
      Message answer = admin.request(subject, options.getBytes(UTF_8), Duration.ofSeconds(10));
      return new String(answer.getData(), UTF_8);
    }
  }

  /** Servers tell each other of subscriptions in the background. */
  private static void awaitInterestFromElsewhere(NatsServer server, String subject) {
    await()
        .atMost(Duration.ofMinutes(2))
        .until(
            () ->
                askServer(server, "ROUTEZ", "{\"subscriptions\":true}")
                    .contains("\"" + subject + "\""));
  }

  @Test
  void aClientThatDoesNotReadIsSeen() throws Exception {
    try (Observed observed = new Observed(nats.url(), null);
        SilentClient ignored = new SilentClient(nats.url(), "tester", "flood")) {
      observed.awaitValue(Metric.SERVER_SLOW_CONSUMERS, SERVER_ALONE, 0);
      observed.awaitValue(Metric.SERVER_PENDING_MAX, SERVER_ALONE, value -> value < 1_000_000);
      for (int i = 0; i < 20; i++) { // above what sockets hold, below max_pending (32 MB)
        tester.publish("flood", new byte[1_000_000]);
      }
      observed.awaitValue(Metric.SERVER_PENDING_MAX, SERVER_ALONE, value -> value > 1_000_000);
      for (int i = 0; i < 80; i++) {
        tester.publish("flood", new byte[1_000_000]);
      }
      observed.awaitValue(Metric.SERVER_SLOW_CONSUMERS, SERVER_ALONE, 1);
      observed.awaitValue(Metric.ACCOUNT_SLOW_CONSUMERS, CHAT_ON_SERVER, 1);
    }
  }

  @Test
  void theServerItselfIsMeasured() throws Exception {
    try (Observed observed = new Observed(nats.url(), null)) {
      observed.awaitSeries(Metric.SERVERS, Map.of(Attributes.empty(), 1.0));
      observed.awaitAsserted(() -> assertServerIsMeasured(observed));
    }
  }

  private static void assertServerIsMeasured(Observed observed) {
    assertThat(observed.series(Metric.SERVER_UP)).isEqualTo(Map.of(SERVER_ALONE, 1.0));
    assertThat(observed.series(Metric.SERVER_CONNECTIONS)).isEqualTo(Map.of(SERVER_ALONE, 2.0));
    assertThat(observed.series(Metric.SERVER_CONNECTIONS_LIMIT))
        .isEqualTo(Map.of(SERVER_ALONE, 65536.0));
    assertThat(observed.series(Metric.SERVER_ROUTES)).isEqualTo(Map.of(SERVER_ALONE, 0.0));
    assertThat(observed.series(Metric.SERVER_GATEWAYS)).isEqualTo(Map.of(SERVER_ALONE, 0.0));
    assertThat(observed.series(Metric.SERVER_LEAFNODES)).isEqualTo(Map.of(SERVER_ALONE, 0.0));
    assertThat(observed.series(Metric.JETSTREAM_STORAGE_LIMIT))
        .isEqualTo(Map.of(SERVER_ALONE, 2e9 + 147483648));
    assertThat(observed.value(Metric.SERVER_MEMORY, SERVER_ALONE)).isGreaterThan(1e6);
    assertThat(observed.value(Metric.SERVER_SUBSCRIPTIONS, SERVER_ALONE)).isPositive();
    assertThat(observed.value(Metric.SERVER_START_TIME, SERVER_ALONE))
        .isBetween(System.currentTimeMillis() / 1e3 - 600, System.currentTimeMillis() / 1e3);
    assertThat(observed.series(Metric.ANSWERS_MALFORMED))
        .isEqualTo(Map.of(Attributes.empty(), 0.0));
  }

  /** Those of things that this server does not have are absent, not 0. */
  @Test
  void noMetricIsForgotten(@TempDir Path other) throws Exception {
    try (NatsServer withHops = NatsServer.startWithHops(other, 100); // only OBS has a memory limit
        Connection client = withHops.connect("tester");
        Observed observed = new Observed(withHops.url(), null)) {
      JetStreamManagement management = client.jetStreamManagement();
      management.addStream(StreamConfiguration.builder(stream(1)).maxMessages(1000).build());
      management.addOrUpdateConsumer("CHAT_MESSAGES", DURABLE);
      observed.awaitValue(Metric.STREAM_MESSAGES_LIMIT, THE_STREAM, 1000);
      observed.awaitAsserted(
          () -> assertThat(Metric.values()).noneMatch(metric -> observed.series(metric).isEmpty()));
    }
  }

  @Test
  void aServerThatWasAwayIsSeenAndItsCountersGoOn() throws Exception {
    try (Observed observed = new Observed(nats.url(), null)) {
      observed.awaitValue(Metric.ACCOUNT_MESSAGES_RECEIVED, CHAT_ON_SERVER, 0);
      publish(5);
      observed.awaitValue(Metric.ACCOUNT_MESSAGES_RECEIVED, CHAT_ON_SERVER, 5);
      double started =
          observed.awaitValue(Metric.SERVER_START_TIME, SERVER_ALONE, value -> value > 0);

      nats.kill();
      observed.awaitSeries(Metric.SERVERS, Map.of(Attributes.empty(), 0.0));
      assertThat(observed.series(Metric.SERVER_UP)).isEqualTo(Map.of(SERVER_ALONE, 0.0));
      assertThat(observed.series(Metric.ACCOUNT_MESSAGES_RECEIVED)).isEmpty();
      assertThat(observed.series(Metric.SERVER_MEMORY)).isEmpty();

      nats.startAgain();
      observed.awaitSeries(Metric.SERVER_UP, Map.of(SERVER_ALONE, 1.0));
      observed.awaitValue(Metric.SERVER_START_TIME, SERVER_ALONE, value -> value > started);
      await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> tester.getStatus() == Connection.Status.CONNECTED);
      publish(3);
      observed.awaitValue(Metric.ACCOUNT_MESSAGES_RECEIVED, CHAT_ON_SERVER, 5 + 3);
    }
  }

  @Test
  void itIsHealthyWhileServersAnswer() throws Exception {
    Path health = directory.resolve("healthy");
    try (Observed observed = new Observed(nats.url(), health)) {
      awaitUntil(() -> Files.exists(health));
      nats.kill();
      awaitUntil(() -> !Files.exists(health));
      nats.startAgain();
      awaitUntil(() -> Files.exists(health));
      assertThat(observed.series(Metric.SERVERS)).isNotEmpty();
    }
    assertThat(health).doesNotExist();
  }

  @Test
  void aServerThatAnswersNonsenseHidesNothingElse() throws Exception {
    try (Connection liar = nats.connect("admin");
        Observed observed = new Observed(nats.url(), null)) {
      liar.createDispatcher(message -> lie(liar, message)).subscribe("$SYS.REQ.>");
      // A round ends with the last true answer, so how many it hears is a matter of luck.
      observed.awaitValue(Metric.ANSWERS_MALFORMED, Attributes.empty(), value -> value >= 50);
      publish(5);
      observed.awaitValue(Metric.ACCOUNT_MESSAGES_RECEIVED, CHAT_ON_SERVER, value -> value >= 5);
      observed.awaitSeries(Metric.SERVERS, Map.of(Attributes.empty(), 1.0));
    }
  }

  private static void lie(Connection liar, Message question) {
    for (String lie : List.of("", "{", "[]", "\u0000", "{\"server\":{}}", "{\"error\":1}")) {
      liar.publish(question.getReplyTo(), lie.getBytes(UTF_8));
    }
    liar.publish(question.getReplyTo() + ".x", null);
  }

  /** It would stand in for one that has not come yet. */
  @Test
  void anAnswerThatComesARoundTooLateIsNotHeard() throws Exception {
    AtomicReference<String> before = new AtomicReference<>();
    AtomicInteger late = new AtomicInteger();
    try (Connection slow = nats.connect("admin");
        Observed observed = new Observed(nats.url(), null)) {
      slow.createDispatcher(
              message -> {
                String replyTo = before.getAndSet(message.getReplyTo());
                if (replyTo != null) {
                  slow.publish(
                      replyTo,
                      "{'server':{'name':'slow','id':'S'},'statsz':{}}"
                          .replace('\'', '"')
                          .getBytes(UTF_8));
                  late.incrementAndGet();
                }
              })
          .subscribe("$SYS.REQ.SERVER.PING.STATSZ");
      awaitUntil(() -> late.get() >= 4); // one in each round
      assertThat(observed.series(Metric.SERVER_UP)).containsOnlyKeys(SERVER_ALONE);
      observed.awaitSeries(Metric.SERVER_UP, Map.of(SERVER_ALONE, 1.0));
      assertThat(observed.series(Metric.ANSWERS_MALFORMED))
          .isEqualTo(Map.of(Attributes.empty(), 0.0));
    }
  }

  @Test
  void twoServersAreApartAndAStreamIsOne() throws Exception {
    NatsServer[] servers = NatsServer.startTwo(directory.resolve("cluster"));
    Attributes one = Attributes.of(SERVER, "n1", CLUSTER, "east");
    Attributes two = Attributes.of(SERVER, "n2", CLUSTER, "east");
    Attributes replicated =
        Attributes.of(CLUSTER, "east", ACCOUNT, "CHAT", STREAM, "CHAT_MESSAGES");
    try (Observed observed = new Observed(servers[0].url(), null);
        Connection client = servers[0].connect("tester")) {
      observed.awaitSeries(Metric.SERVER_UP, Map.of(one, 1.0, two, 1.0));
      observed.awaitSeries(Metric.SERVERS, Map.of(Attributes.empty(), 2.0));
      observed.awaitValue(Metric.SERVER_ROUTES, two, value -> value >= 1);
      await()
          .atMost(Duration.ofMinutes(2))
          .ignoreExceptions()
          .until(() -> client.jetStreamManagement().addStream(stream(2)) != null);
      client.jetStream().publish("chat.room", null);
      observed.awaitSeries(Metric.STREAM_MESSAGES, Map.of(replicated, 1.0));
      observed.awaitSeries(Metric.STREAM_LEADERS, Map.of(replicated, 1.0));

      Attributes chatOnTwo = two.toBuilder().put(ACCOUNT, "CHAT").build();
      Attributes chatOnOne = one.toBuilder().put(ACCOUNT, "CHAT").build();
      observed.awaitNextRound(one);
      double before =
          observed.awaitValue(Metric.ACCOUNT_MESSAGES_SENT, chatOnTwo, value -> value >= 0);
      double beforeOnOne =
          observed.awaitValue(Metric.ACCOUNT_MESSAGES_RECEIVED, chatOnOne, value -> value >= 0);
      try (Connection far = servers[1].connect("tester")) {
        far.subscribe("across");
        far.flush(Duration.ofSeconds(5));
        awaitInterestFromElsewhere(servers[0], "across");
        client.publish("across", null);
        observed.awaitValue(Metric.ACCOUNT_MESSAGES_SENT, chatOnTwo, before + 1);
        observed.awaitValue(Metric.ACCOUNT_MESSAGES_RECEIVED, chatOnOne, beforeOnOne + 1);
      }

      servers[1].kill();
      observed.awaitSeries(Metric.SERVER_UP, Map.of(one, 1.0, two, 0.0));
      observed.awaitSeries(Metric.SERVERS, Map.of(Attributes.empty(), 1.0));
      observed.awaitAsserted(
          () -> assertThat(observed.series(Metric.SERVER_MEMORY)).containsOnlyKeys(one));
      observed.awaitSeries(Metric.STREAM_LEADERS, Map.of(replicated, 0.0));
      observed.awaitSeries(Metric.STREAM_MESSAGES, Map.of());

      servers[1].startAgain();
      observed.awaitSeries(Metric.SERVER_UP, Map.of(one, 1.0, two, 1.0));
      observed.awaitSeries(Metric.STREAM_LEADERS, Map.of(replicated, 1.0));
      observed.awaitSeries(Metric.STREAM_MESSAGES, Map.of(replicated, 1.0));
    } finally {
      for (NatsServer server : servers) {
        server.close();
      }
    }
  }

  @Test
  void missingSettingsAreAllNamedAndNothingIsStarted() throws Exception {
    Process process = process(Map.of("NATS_URL", "nats"));
    String said = new String(process.getErrorStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).isEqualTo(64);
    assertThat(said.lines()).hasSize(1);
    assertThat(said).contains("NATS_URL", "NATS_USER", "NATS_PASS");
  }

  @Test
  void sigtermEndsIt() throws Exception {
    Path health = directory.resolve("healthy");
    Process process =
        process(
            Map.of(
                "NATS_URL",
                nats.url(),
                "NATS_USER",
                "broker-observer",
                "NATS_PASS",
                "test-only",
                "HEALTH_FILE",
                health.toString()));
    await().atMost(Duration.ofSeconds(30)).until(() -> Files.exists(health));
    process.destroy();
    assertThat(process.waitFor()).isEqualTo(128 + 15);
    assertThat(health).doesNotExist();
  }

  /** It may last for hours, until somebody mends the server's configuration. */
  @Test
  void thatItIsRefusedIsLoggedOnce() throws Exception {
    String refused = "authentication error - User \"unknown\"";
    Process process =
        process(Map.of("NATS_URL", nats.url(), "NATS_USER", "unknown", "NATS_PASS", "test-only"));
    try {
      await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> nats.output().split(refused, -1).length > 4);
    } finally {
      process.destroy();
      process.waitFor();
    }
    String log = Files.readString(directory.resolve("observer.log"));
    assertThat(log.lines().filter(line -> line.contains("NATS says"))).hasSize(1);
    assertThat(log.lines().filter(line -> line.contains("Lost"))).hasSizeLessThan(2);
    assertThat(log.lines().filter(line -> line.contains("Waiting for NATS"))).hasSize(1);
  }

  private Process process(Map<String, String> settings) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-jar",
            Path.of("target", "broker-observer.jar").toString());
    builder.redirectOutput(directory.resolve("observer.log").toFile());
    builder.environment().putAll(settings);
    return builder.start();
  }

  private static void awaitUntil(Callable<Boolean> condition) {
    await().atMost(Duration.ofSeconds(60)).until(condition);
  }

  private void publish(int messages) throws Exception {
    for (int i = 0; i < messages; i++) {
      tester.publish("chat.room", new byte[10]);
    }
    tester.flush(Duration.ofSeconds(5));
  }
}
