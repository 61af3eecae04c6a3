package dev.natschat.history;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.nats.client.Connection;
import io.nats.client.ErrorListener;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.Subscription;
import io.nats.client.impl.Headers;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.HistogramPointData;
import io.opentelemetry.sdk.testing.exporter.InMemoryMetricReader;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;

/** The service against a real broker and a real database. */
@Timeout(300)
@SuppressWarnings("try") // closing a jnats connection may be interrupted, and is here not
class HistoryServiceIT {
  private static NatsServer broker;
  private static Database database;
  private static HistoryService service;
  private static Connection alice;

  private final String room = "room-" + UUID.randomUUID();

  @BeforeAll
  static void start() throws Exception {
    Awaitility.setDefaultTimeout(Duration.ofMinutes(1)); // a JVM may take that long to start
    broker = NatsServer.start();
    database = Database.start();
    service = started(config(4));
    alice = broker.connect();
  }

  @AfterAll
  static void stop() throws Exception {
    alice.close();
    service.close();
    database.close();
    broker.close();
  }

  @Test
  void aDatabaseThatRefusesTheServiceSaysWhy() {
    ListAppender<ILoggingEvent> lines = new ListAppender<>();
    lines.list = new CopyOnWriteArrayList<>(); // it is read while others write
    lines.start();
    Logger logger = (Logger) LoggerFactory.getLogger(MessageStore.class);
    logger.setLevel(Level.WARN);
    logger.addAppender(lines);
    Config known = config(1);
    Config nobody =
        new Config(known.natsUrl(), "", "", known.databaseUrl(), "nobody", "test-only", 1, null);
    try (MessageStore store = MessageStore.open(nobody)) {
      await().until(() -> !lines.list.isEmpty());
      assertThat(store.isAvailable()).isFalse();
    } finally {
      logger.detachAppender(lines);
      logger.setLevel(null);
    }
    assertThat(lines.list.get(0).getFormattedMessage()).contains("role \"nobody\" does not exist");
  }

  @Test
  void theNewestFiftyComeOldestFirst() throws Exception {
    for (int i = 0; i < 60; i++) {
      database.store(room, "alice", "text " + i, 1000 + i);
    }
    assertThat(texts(ask(room)))
        .isEqualTo(IntStream.range(10, 60).mapToObj(i -> "text " + i).toList());
  }

  @Test
  void theOrderIsThatOfTheTimestamps() throws Exception {
    database.store(room, "alice", "second", 2);
    database.store(room, "alice", "third", 3);
    database.store(room, "alice", "first", 1);
    assertThat(texts(ask(room))).containsExactly("first", "second", "third");
  }

  /** Without the index, whose own order would hide a query that does not ask for it. */
  @Test
  void defect14EqualTimestampsComeBackInStreamOrder() throws Exception {
    for (int sequence : List.of(1005, 1001, 1004, 1002, 1003)) {
      database.store(room, "alice", "text " + sequence, 7, sequence);
    }
    database.execute("ALTER ROLE history_service SET enable_indexscan = off");
    database.execute("ALTER ROLE history_service SET enable_bitmapscan = off");
    try (NatsServer own = NatsServer.start();
        HistoryService there = started(config(own, database, 1, null));
        Connection client = own.connect()) {
      assertThat(texts(ask(client, room)))
          .containsExactly("text 1001", "text 1002", "text 1003", "text 1004", "text 1005");
    } finally {
      database.execute("ALTER ROLE history_service RESET ALL");
    }
  }

  @Test
  void anAnswerIsTheBytesThatClientsHaveAlwaysBeenSent() throws Exception {
    database.store(room, "al<i>ce", "1 > 0 & \u2028", 1700000000000L);
    Message answer = ask(room);
    assertThat(new String(answer.getData(), UTF_8))
        .isEqualTo(
            "[{\"user\":\"al\\u003ci\\u003ece\",\"text\":\"1 \\u003e 0 \\u0026 \\u2028\","
                + "\"timestamp\":1700000000000,\"room\":\"%s\"}]",
            room);
    assertThat(answer.hasHeaders()).isFalse();
  }

  @Test
  void anUnknownRoomIsAnEmptyArrayWithoutAnError() throws Exception {
    Message answer = ask(room);
    assertThat(new String(answer.getData(), UTF_8)).isEqualTo("[]");
    assertThat(answer.hasHeaders()).isFalse();
  }

  @Test
  void theAdminRoomIsARoomLikeOthers() throws Exception {
    database.store("__admin__", "alice", room, 1);
    assertThat(texts(ask("__admin__"))).contains(room);
  }

  @Test
  void aRoomOfAnyCharactersIsJustARoom() throws Exception {
    String odd = "Ünïcode'\"%_;--" + room;
    database.store(odd, "alice", "here", 1);
    assertThat(texts(ask(odd))).containsExactly("here");
    assertThat(texts(ask("x".repeat(3000)))).isEmpty();
  }

  /** Whoever may ask chooses all of it; no such room can have messages. */
  @ParameterizedTest
  @MethodSource("oddRequests")
  void anOddRequestIsAnsweredAsForAnUnknownRoom(String request) throws Exception {
    URI address = URI.create(broker.url());
    String connect = "CONNECT {\"user\":\"alice\",\"pass\":\"test-only\",\"headers\":true}\r\n";
    try (Socket socket = new Socket(address.getHost(), address.getPort())) {
      socket.setSoTimeout(10_000);
      socket
          .getOutputStream()
          .write((connect + "SUB _UINBOX.raw.> 1\r\n" + request + "\r\n").getBytes(UTF_8));
      BufferedReader lines =
          new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8));
      assertThat(lines.lines().filter(line -> line.contains("MSG ")).findFirst())
          .hasValueSatisfying(
              answer -> assertThat(answer).startsWith("MSG _UINBOX.raw.").endsWith(" 1 2"));
    }
  }

  static List<String> oddRequests() {
    return List.of(
        "PUB chat.history.nul\0 _UINBOX.raw.a 0\r\n",
        "PUB chat.history.carriage\rreturn _UINBOX.raw.a 0\r\n",
        "PUB chat.history.%s _UINBOX.raw.a 0\r\n".formatted("x".repeat(16_000)),
        "PUB chat.history.room _UINBOX.raw.%s 0\r\n".formatted("x".repeat(16_000)),
        "HPUB chat.history.room _UINBOX.raw.a 7 7\r\ngarbage");
  }

  /** Published by the broker, to where a client wants it: max_control_line does not count. */
  @Test
  void aTraceEventWithALongSubjectHurtsNobody() throws Exception {
    Headers headers = new Headers().put("Nats-Trace-Dest", "chat.history." + "x".repeat(30_000));
    alice.publish("chat.history." + room, headers, null);
    assertThat(texts(ask(room))).isEmpty();
  }

  @Test
  void whatTheRequestCarriesIsIgnored() throws Exception {
    database.store(room, "alice", "here", 1);
    byte[] binary = new byte[40_000];
    Message answer = alice.request("chat.history." + room, binary, Duration.ofSeconds(5));
    assertThat(texts(answer)).containsExactly("here");
  }

  @Test
  void anAnswerTooBigForTheBrokerLosesItsOldestMessages() throws Exception {
    for (int i = 0; i < 50; i++) {
      database.store(room, "alice", i + " " + "<".repeat(1000), i);
    }
    Message answer = ask(room);
    List<String> texts = texts(answer);
    int perMessage = answer.getData().length / texts.size();
    assertThat(answer.getData().length)
        .isLessThanOrEqualTo((int) NatsServer.MAX_PAYLOAD - HistoryRequests.ROOM_FOR_HEADERS)
        .isGreaterThan(
            (int) NatsServer.MAX_PAYLOAD - HistoryRequests.ROOM_FOR_HEADERS - perMessage);
    assertThat(texts.get(texts.size() - 1)).startsWith("49 ");
  }

  @Test
  void defect12TwoInstancesAnswerOnce() throws Exception {
    try (HistoryService second = started(config(2))) {
      Subscription inbox = alice.subscribe("_UINBOX.alice.once");
      for (int i = 0; i < 200; i++) {
        alice.publish("chat.history." + room, "_UINBOX.alice.once", null);
      }
      int answers = 0;
      while (inbox.nextMessage(answers < 200 ? Duration.ofSeconds(5) : Duration.ofMillis(200))
          != null) {
        answers++;
      }
      inbox.unsubscribe();
      assertThat(answers).isEqualTo(200);
    }
  }

  @Test
  void aRequestWithoutReplySubjectHurtsNobody() throws Exception {
    alice.publish("chat.history." + room, null);
    assertThat(texts(ask(room))).isEmpty();
  }

  @Test
  void aReplySubjectOutsideTheInboxesIsRefusedByTheBroker() throws Exception {
    Subscription admin = alice.subscribe("admin.chat");
    alice.publish("chat.history." + room, "admin.chat", null);
    assertThat(texts(ask(room))).isEmpty();
    assertThat(admin.nextMessage(Duration.ofMillis(200))).isNull();
    admin.unsubscribe();
  }

  /** Here a request that finds no store at all. */
  @Test
  void aFailureThatNobodyThoughtOfIsAnsweredToo() throws Exception {
    try (Faulty faulty = new Faulty()) {
      assertError(ask(faulty.client, room), "500", "history-service failed");
      await().until(() -> faulty.failures.get() == 1);
    }
  }

  @Test
  void aRestartedBrokerIsFoundAgain() throws Exception {
    try (NatsServer own = NatsServer.start();
        HistoryService there = started(config(own, database, 1, null));
        Connection client = own.connect()) {
      own.restart();
      await().until(there::isReady);
      await() // jnats tries every 2 s, and a request that is lost takes 5 s
          .atMost(Duration.ofSeconds(30))
          .ignoreExceptions()
          .until(() -> texts(ask(client, room)).isEmpty());
    }
  }

  @Test
  void defect9DatabaseOutageIsNotAnEmptyRoom(@TempDir Path directory) throws Exception {
    Path health = directory.resolve("ready");
    try (Database own = Database.start();
        NatsServer ownBroker = NatsServer.start();
        HistoryService there = started(config(ownBroker, own, 2, health));
        Connection client = ownBroker.connect()) {
      own.store(room, "alice", "still here", 1);
      assertThat(texts(ask(client, room))).containsExactly("still here");
      await().until(() -> Files.exists(health));

      own.stop();
      for (int i = 0; i < 20; i++) {
        assertError(ask(client, room), "503", "database is unavailable");
      }
      await().until(() -> !Files.exists(health));

      own.startAgain();
      await().until(there::isReady);
      assertThat(texts(ask(client, room))).containsExactly("still here");
      await().until(() -> Files.exists(health));
    }
  }

  @Test
  void whoAsksAsSoonAsItIsStartedIsAnswered() throws Exception {
    try (NatsServer own = NatsServer.start();
        Connection client = own.connect()) {
      for (int i = 0; i < 30; i++) {
        try (HistoryService there = new HistoryService(config(own, database, 1, null))) {
          assertThat(ask(client, room)).as("start " + i).isNotNull();
        }
      }
    }
  }

  @Test
  void itStartsWithoutADatabaseAndFindsItLater() throws Exception {
    try (Database own = Database.start();
        NatsServer ownBroker = NatsServer.start()) {
      own.stop();
      try (HistoryService there = new HistoryService(config(ownBroker, own, 2, null));
          Connection client = ownBroker.connect()) {
        assertError(ask(client, room), "503", "database is unavailable");
        own.startAgain();
        await().until(there::isReady);
        assertThat(texts(ask(client, room))).isEmpty();
      }
    }
  }

  @Test
  void aDatabaseThatRestartedWhileNobodyAskedIsNoError() throws Exception {
    try (Database own = Database.start();
        NatsServer ownBroker = NatsServer.start();
        HistoryService there = started(config(ownBroker, own, 2, null));
        Connection client = ownBroker.connect()) {
      assertThat(texts(ask(client, room))).isEmpty();
      own.stop();
      await().until(() -> !there.isReady());
      own.startAgain();
      await().until(there::isReady);
      for (int i = 0; i < 10; i++) {
        assertThat(ask(client, room).hasHeaders()).isFalse();
      }
    }
  }

  /**
   * One worker and a locked table: each query takes its whole second. After two of them two seconds
   * are over; for whoever came a moment later than the first, perhaps only just not. On a machine
   * that stalls they are over after one.
   */
  @Test
  void whoHasWaitedTooLongIsNotQueriedFor() throws Exception {
    try (Locked locked = new Locked(1)) {
      long begin = System.nanoTime();
      List<CompletableFuture<Message>> asked = locked.ask(6);
      int queriedFor = 0;
      for (CompletableFuture<Message> each : asked) {
        Message answer = each.get();
        if (isTimeout(answer)) {
          assertError(answer, "504", "did not answer in time");
          queriedFor++;
        } else {
          assertError(answer, "503", "overloaded");
          assertThat(System.nanoTime() - begin).isGreaterThan(HistoryRequests.PATIENCE.toNanos());
        }
      }
      assertThat(queriedFor).isBetween(1, 3);
      for (CompletableFuture<Message> first : asked.subList(0, queriedFor)) {
        assertThat(isTimeout(first.get())).isTrue();
      }
    }
  }

  private static boolean isTimeout(Message answer) {
    return "504".equals(answer.getHeaders().getFirst("Nats-Service-Error-Code"));
  }

  /** Its users have waited for all of it, and the objective is theirs. */
  @Test
  void theDurationThatIsMeasuredHoldsTheWaitForAWorker() throws Exception {
    try (Measured measured = new Measured();
        Locked locked = new Locked(1)) {
      List<CompletableFuture<Message>> answers = locked.ask(2);
      assertError(answers.get(0).get(), "504", "did not answer in time"); // in a second
      answers.get(1).get(); // in another, unless a machine that stalls made it wait too long
      // Without the wait it would be one second.
      await().untilAsserted(() -> assertThat(measured.slowest()).isGreaterThan(1.5));
    }
  }

  @Test
  void moreThanTheQueueHoldsIsRefusedAtOnceAndTheRestRecovers() throws Exception {
    try (Locked locked = new Locked(1)) {
      List<CompletableFuture<Message>> answers = locked.ask(300);
      Message refused = answers.get(299).get();
      assertError(refused, "503", "overloaded");
      assertThat(answers).as("those that wait").anyMatch(answer -> !answer.isDone());
      locked.unlock();
      for (CompletableFuture<Message> answer : answers) {
        answer.get(); // every single one is answered
      }
      assertThat(texts(locked.ask(1).get(0).get())).isEmpty();
    }
  }

  /** What connects again must not wait for a place in the queue, nor run on what it waits for. */
  @Test
  void aConnectionLostWhileTheQueueIsFullIsMadeAgain() throws Exception {
    try (Locked locked = new Locked(1)) {
      locked.ask(1_000);
      locked.ownBroker.restart();
      locked.unlock();
      await()
          .atMost(Duration.ofSeconds(20)) // by its pings it is noticed after 30 to 40
          .ignoreExceptions()
          .until(() -> texts(ask(locked.client, "locked")).isEmpty());
    }
  }

  /** A megabyte each, as any user may send: nobody reads it, yet some dozens filled the heap. */
  @Test
  void whatWaitingRequestsCarryFillsNoHeap(@TempDir Path directory) throws Exception {
    try (NatsServer own = NatsServer.start(1024 * 1024);
        Connection client = own.connect();
        java.sql.Connection lock = database.admin()) {
      Process process = startProcess(own, directory);
      try {
        lock.setAutoCommit(false);
        try (Statement statement = lock.createStatement()) {
          statement.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE");
        }
        byte[] megabyte = new byte[1024 * 1024 - 1024];
        for (int i = 0; i < 200; i++) {
          client.publish("chat.history.locked", "_UINBOX.alice.nobody", megabyte);
          client.flush(Duration.ofSeconds(20));
        }
        lock.rollback();

        await()
            .ignoreExceptions()
            .failFast(
                () ->
                    assertThat(process.isAlive())
                        .as(Files.readString(directory.resolve("log")))
                        .isTrue())
            .until(() -> texts(ask(client, room)).isEmpty());
      } finally {
        process.destroyForcibly().waitFor();
      }
    }
  }

  /** With the heap that it has where it runs. */
  private static Process startProcess(NatsServer own, Path directory) throws IOException {
    Path health = directory.resolve("health");
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-Xmn26m",
                "-XX:+UseSerialGC",
                "-XX:+ExitOnOutOfMemoryError",
                "-cp",
                System.getProperty("java.class.path"),
                HistoryService.class.getName())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("log").toFile());
    builder
        .environment()
        .putAll(
            Map.of(
                "NATS_URL",
                own.url(),
                "NATS_USER",
                "history-service",
                "NATS_PASS",
                "test-only",
                "DATABASE_URL",
                database.url(),
                "DATABASE_USER",
                Database.USER,
                "DATABASE_PASSWORD",
                Database.PASSWORD,
                "HEALTH_FILE",
                health.toString()));
    Process process = builder.start();
    await().until(() -> Files.exists(health));
    return process;
  }

  @Test
  void stoppingAnswersWhatHasArrived() throws Exception {
    try (Locked locked = new Locked(2)) {
      List<CompletableFuture<Message>> answers = locked.ask(100);
      await().until(locked::isWaitedFor);
      CompletableFuture<Void> stopped = CompletableFuture.runAsync(locked.service::close);
      locked.unlock();
      stopped.get();
      for (CompletableFuture<Message> answer : answers) {
        assertThat(answer.get(5, TimeUnit.SECONDS).isStatusMessage()).isFalse();
      }
    }
  }

  /** 250 answers of 48 KiB: more than the sockets hold of a broker that does not read. */
  @Test
  void stoppingSendsWhatIsAnsweredButNotYetSent() throws Exception {
    for (int i = 0; i < 3; i++) {
      database.store(room, "alice", "x".repeat(16 * 1024), i);
    }
    try (Measured measured = new Measured();
        Locked locked = new Locked(2)) {
      List<CompletableFuture<Message>> answers = locked.ask(room, 250);
      CompletableFuture<Void> stopped = CompletableFuture.runAsync(locked.service::close);
      locked.awaitNoResponder();
      locked.ownBroker.pause();
      locked.unlock();
      await().until(() -> measured.count() >= 250);
      locked.ownBroker.goOn();
      stopped.get();
      for (CompletableFuture<Message> answer : answers) {
        assertThat(answer.get(5, TimeUnit.SECONDS).isStatusMessage()).isFalse();
      }
    }
  }

  /**
   * The index gives the 50 rows in their order, so that 50 are read of a million, whether a room
   * has few or half of them. Not from the index alone: it cannot hold a text of 16 KiB.
   */
  @Test
  void ofAMillionRowsTheQueryReadsFifty() throws Exception {
    try (java.sql.Connection admin = database.admin();
        Statement statement = admin.createStatement()) {
      statement.execute("CREATE SCHEMA million");
      try {
        statement.execute("CREATE UNLOGGED TABLE million.messages (LIKE messages INCLUDING ALL)");
        statement.execute("SET search_path = million");
        statement.execute(
            "INSERT INTO messages(room, username, text, timestamp, stream_seq, stored_at)"
                + " SELECT 'room-' || CASE WHEN n % 2 = 0 THEN 0 ELSE n % 5000 END, 'u',"
                + " CASE WHEN n % 1000 = 0 THEN repeat('x', 16384) ELSE 'text' END, n / 7, n, n"
                + " FROM generate_series(1, 1000000) n");
        statement.execute("ANALYZE messages");
        statement.execute("PREPARE newest(varchar) AS " + MessageStore.NEWEST.replace("?", "$1"));
        for (String plan : List.of("force_custom_plan", "force_generic_plan")) {
          statement.execute("SET plan_cache_mode = " + plan);
          for (String of : List.of("room-0", "room-1", "unknown")) {
            assertReadsByIndex(statement, of);
          }
        }
      } finally {
        statement.execute("DROP SCHEMA million CASCADE");
      }
    }
  }

  private static void assertReadsByIndex(Statement statement, String of) throws Exception {
    try (ResultSet row =
        statement.executeQuery(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE newest('" + of + "')")) {
      row.next();
      JsonNode limit = new ObjectMapper().readTree(row.getString(1)).get(0).get("Plan");
      JsonNode scan = limit.get("Plans").get(0);
      assertThat(limit.get("Node Type").textValue()).isEqualTo("Limit");
      assertThat(scan.get("Node Type").textValue()).as(row.getString(1)).isEqualTo("Index Scan");
      assertThat(scan.get("Index Name").textValue()).contains("room_timestamp_stream_seq");
      assertThat(scan.get("Actual Rows").intValue()).isEqualTo(of.equals("unknown") ? 0 : 50);
      assertThat(scan.has("Rows Removed by Filter")).isFalse();
      // A page of the table for each row, and a few of the index.
      int pages =
          limit.get("Shared Hit Blocks").intValue() + limit.get("Shared Read Blocks").intValue();
      assertThat(pages).isLessThanOrEqualTo(60);
    }
  }

  /** What answers requests, without a store; counts what its handler throws. */
  private static final class Faulty implements AutoCloseable {
    final AtomicInteger failures = new AtomicInteger();
    final NatsServer ownBroker = NatsServer.start();
    final Connection client = ownBroker.connect();
    final Workers workers = new Workers(1, 1);
    final Connection nats;

    @SuppressWarnings("NullAway") // on purpose
    Faulty() throws Exception {
      ErrorListener counting =
          new ErrorListener() {
            @Override
            public void exceptionOccurred(Connection connection, Exception e) {
              failures.incrementAndGet();
            }
          };
      nats =
          Nats.connect(
              Options.builder()
                  .server(ownBroker.url())
                  .userInfo("history-service", "test-only")
                  .errorListener(counting)
                  .build());
      nats.createDispatcher(new HistoryRequests(null, workers, new Metrics()))
          .subscribe(HistoryRequests.SUBJECT, "history-service");
      nats.flush(Duration.ofSeconds(5));
    }

    @Override
    public void close() throws Exception {
      nats.close();
      client.close();
      workers.shutdownNow();
      ownBroker.close();
    }
  }

  /** A service of few workers whose table somebody has locked. */
  /** The durations of requests that services started meanwhile have recorded. */
  private static final class Measured implements AutoCloseable {
    private final InMemoryMetricReader metrics = InMemoryMetricReader.create();
    private final OpenTelemetrySdk sdk;

    Measured() {
      GlobalOpenTelemetry.resetForTest();
      sdk =
          OpenTelemetrySdk.builder()
              .setMeterProvider(SdkMeterProvider.builder().registerMetricReader(metrics).build())
              .buildAndRegisterGlobal();
    }

    long count() {
      return points().mapToLong(HistogramPointData::getCount).sum();
    }

    /** In seconds. */
    double slowest() {
      return points().mapToDouble(HistogramPointData::getMax).max().orElse(0);
    }

    private Stream<HistogramPointData> points() {
      return metrics.collectAllMetrics().stream()
          .filter(metric -> metric.getName().equals("history.request.duration"))
          .flatMap(metric -> metric.getHistogramData().getPoints().stream());
    }

    @Override
    public void close() {
      sdk.close();
      GlobalOpenTelemetry.resetForTest();
    }
  }

  private static final class Locked implements AutoCloseable {
    final NatsServer ownBroker = NatsServer.start();
    final HistoryService service;
    final Connection client;
    final java.sql.Connection lock = database.admin();

    Locked(int workers) throws Exception {
      service = started(config(ownBroker, database, workers, null));
      client = ownBroker.connect();
      lock.setAutoCommit(false);
      try (Statement statement = lock.createStatement()) {
        statement.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE");
      }
    }

    List<CompletableFuture<Message>> ask(int times) throws Exception {
      return ask("locked", times);
    }

    /** When it returns, the broker has handed all of them to the service. */
    List<CompletableFuture<Message>> ask(String room, int times) throws Exception {
      List<CompletableFuture<Message>> answers = new ArrayList<>();
      for (int i = 0; i < times; i++) {
        answers.add(
            client.requestWithTimeout("chat.history." + room, null, Duration.ofSeconds(30)));
      }
      client.flush(Duration.ofSeconds(5));
      return answers;
    }

    /** The service takes no more requests. */
    void awaitNoResponder() {
      await()
          .until(
              () ->
                  client
                      .requestWithTimeout("chat.history.locked", null, Duration.ofMillis(100))
                      .handle((answer, failure) -> failure instanceof CancellationException)
                      .get());
    }

    boolean isWaitedFor() throws SQLException {
      try (Statement statement = lock.createStatement();
          ResultSet waiting =
              statement.executeQuery("SELECT count(*) FROM pg_locks WHERE NOT granted")) {
        waiting.next();
        return waiting.getInt(1) > 0;
      }
    }

    void unlock() throws SQLException {
      lock.rollback();
    }

    @Override
    public void close() throws Exception {
      lock.close();
      client.close();
      service.close();
      ownBroker.close();
    }
  }

  private static HistoryService started(Config config) throws InterruptedException {
    HistoryService service = new HistoryService(config);
    await().until(service::isReady);
    return service;
  }

  private static Config config(int workers) {
    return config(broker, database, workers, null);
  }

  private static Config config(
      NatsServer broker,
      Database database,
      int workers,
      @org.jspecify.annotations.Nullable Path health) {
    return new Config(
        broker.url(),
        "history-service",
        "test-only",
        database.url(),
        Database.USER,
        Database.PASSWORD,
        workers,
        health);
  }

  private static Message ask(String room) throws Exception {
    return ask(alice, room);
  }

  private static Message ask(Connection client, String room) throws Exception {
    return client
        .requestWithTimeout("chat.history." + room, null, Duration.ofSeconds(5))
        .get(10, TimeUnit.SECONDS);
  }

  private static void assertError(Message answer, String code, String message) {
    assertThat(new String(answer.getData(), UTF_8)).isEqualTo("[]");
    assertThat(answer.getHeaders().getFirst("Nats-Service-Error-Code")).isEqualTo(code);
    assertThat(answer.getHeaders().getFirst("Nats-Service-Error")).contains(message);
  }

  private static List<String> texts(Message answer) throws IOException {
    JsonNode messages = new ObjectMapper().readTree(answer.getData());
    return StreamSupport.stream(messages.spliterator(), false)
        .map(message -> message.get("text").textValue())
        .toList();
  }
}
