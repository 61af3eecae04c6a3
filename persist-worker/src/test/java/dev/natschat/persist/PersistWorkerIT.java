package dev.natschat.persist;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.nats.client.api.DiscardPolicy;
import io.nats.client.api.PublishAck;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The worker between a real broker and a real database; the defects are those of the system before
 * this one.
 */
class PersistWorkerIT extends WorkerTest {
  private static final String OUR_SESSION =
      "pg_stat_activity WHERE application_name = 'persist-worker' AND wait_event_type = 'Lock' ";

  @Test // the previous system: a backlog over 10,000 was discarded
  void defect1BacklogOver10000IsPersistedWhole() throws Exception {
    prepare();
    publish(20_000);

    start();

    awaitRows(20_000);
    StreamConfiguration configuration =
        management.getStreamInfo(ChatStream.NAME).getConfiguration();
    assertThat(configuration.getDiscardPolicy()).isEqualTo(DiscardPolicy.New);
    assertThat(configuration.getMaxMsgs()).isEqualTo(-1);
    assertThat(configuration.getMaxBytes()).isEqualTo(1024L * 1024 * 1024);
  }

  @Test // the previous system: one poisonous message was delivered 2700 times a second, for ever
  void defect2PoisonIsDeliveredOnceAndKeptReadable() throws Exception {
    prepare();
    publish(300);
    byte[] nul = json("bob", "a\\u0000b").getBytes(UTF_8);
    PublishAck ofNul =
        stream.publish(
            NatsMessage.builder()
                .subject("chat.poison")
                .headers(new Headers().add("Trace", "a", "b"))
                .data(nul)
                .build());
    stream.publish("chat." + "r".repeat(256), json("bob", "hello").getBytes(UTF_8));
    publish(300);

    start();

    awaitRows(600);
    await().until(() -> database.count("dead_letters") == 2);
    assertThat(
            database.column(
                "SELECT subject || ' ' || headers || ' ' || encode(body, 'hex') || ' ' || stream_seq"
                    + " FROM dead_letters WHERE reason LIKE 'nul_character:%'"))
        .containsExactly(
            "chat.poison {\"Trace\":[\"a\",\"b\"]} "
                + java.util.HexFormat.of().formatHex(nul)
                + " "
                + ofNul.getSeqno());
    await().until(() -> durable().getNumAckPending() == 0);
    assertThat(durable().getRedelivered()).isZero();
    assertThat(durable().getDelivered().getConsumerSequence()).isEqualTo(602);
  }

  @Test // the previous system: acknowledged and dropped
  void defect3WhatIsNoChatMessageIsADeadLetter() throws Exception {
    prepare();
    stream.publish("chat.lobby", "{".getBytes(UTF_8));
    stream.publish("chat.lobby", new byte[0]);
    stream.publish(
        "chat.lobby", "{\"user\":\"a\",\"text\":\"b\",\"timestamp\":\"1\"}".getBytes(UTF_8));
    stream.publish(
        "chat.lobby", "{\"user\":\"a\",\"text\":\"b\",\"timestamp\":1.5}".getBytes(UTF_8));
    stream.publish("chat.__admin__", json("bob", "hello").getBytes(UTF_8));

    Worker worker = start();

    await().until(() -> database.count("dead_letters") == 5);
    assertThat(
            database.column(
                "SELECT split_part(reason, ':', 1) FROM dead_letters ORDER BY stream_seq"))
        .containsExactly(
            "not_a_json_object",
            "not_a_json_object",
            "invalid_timestamp",
            "invalid_timestamp",
            "reserved_subject");
    assertThat(database.count("messages")).isZero();
    await().until(() -> worker.output().contains("Set aside"));
  }

  @Test // the previous system: a message without a room was stored where no history shows it
  void defect4RoomIsTheSubjectsWhateverTheBodySays() throws Exception {
    start();
    awaitStream();
    stream.publish("chat.café", "{\"user\":\"a\",\"text\":\"1\",\"timestamp\":5}".getBytes(UTF_8));
    stream.publish("chat.foo", "{\"user\":\"a\",\"text\":\"2\",\"room\":\"bar\"}".getBytes(UTF_8));
    stream.publish(
        "admin.chat", "{\"user\":\"a\",\"text\":\"3\",\"room\":\"foo\"}".getBytes(UTF_8));

    awaitRows(3);
    assertThat(database.column("SELECT room FROM messages ORDER BY text"))
        .containsExactly("café", "foo", "__admin__");
  }

  @Test // the previous system: 1 or 2 rows twice
  void defect5KilledWorkerLeavesNoDuplicates() throws Exception {
    settings.put("ACK_WAIT_SECONDS", "1");
    prepare();
    publish(20_000);
    try (java.sql.Connection holdingUp =
        holdUp(20_000)) { // else it may be done before it is killed
      Worker first = start();
      await().pollInterval(Duration.ofMillis(1)).until(() -> database.count("messages") > 0);

      first.kill();

      assertThat(database.count("messages")).isLessThan(20_000);
      holdingUp.rollback();
    }
    start();
    awaitRows(20_000);
  }

  /** A transaction that stores the message: whoever stores it, too, waits for the end of that. */
  private java.sql.Connection holdUp(long sequence) throws Exception {
    long storedAt = Origin.nanos(management.getMessage(ChatStream.NAME, sequence).getTime());
    java.sql.Connection transaction = database.connect();
    transaction.setAutoCommit(false);
    try (Statement statement = transaction.createStatement()) {
      statement.execute(
          "INSERT INTO messages (room, username, text, timestamp, stream_seq, stored_at)"
              + " VALUES ('lobby', 'alice', 'held up', 0, %d, %d)".formatted(sequence, storedAt));
    }
    return transaction;
  }

  @Test // the previous system: 440 of 500 rows twice
  void defect5KilledBrokerLeavesNoDuplicates() throws Exception {
    settings.put("ACK_WAIT_SECONDS", "1");
    prepare();
    publish(20_000);
    start();
    await().pollInterval(Duration.ofMillis(1)).until(() -> database.count("messages") > 0);

    broker.kill();
    broker.startAgain();

    awaitRows(20_000);
  }

  @Test // the previous system: a table locked for longer than the ack wait made 249 of 2000 rows
  // twice
  void defect5LockedTableLeavesNoDuplicates() throws Exception {
    settings.put("ACK_WAIT_SECONDS", "1");
    prepare();
    publish(2_000);
    try (java.sql.Connection lock = lockMessages()) {
      start();
      start();
      await().until(() -> durable().getRedelivered() > 0); // to the other worker, or the same
      lock.rollback();
    }

    awaitRows(2_000);
  }

  /** Nobody can store until it is rolled back. */
  private static java.sql.Connection lockMessages() throws SQLException {
    java.sql.Connection lock = database.connect();
    lock.setAutoCommit(false);
    try (Statement statement = lock.createStatement()) {
      statement.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE");
    }
    return lock;
  }

  @Test // the previous system: up to 500 messages came 30 s late
  void defect6TerminatedWorkerHandsBackWhatItPulled() throws Exception {
    settings.put("ACK_WAIT_SECONDS", "3600"); // what is not handed back stays away
    prepare();
    publish(5_000);
    try (java.sql.Connection lock = lockMessages()) {
      Worker first = start();
      await().until(() -> durable().getNumAckPending() > Inbox.BATCH);

      first.terminate();

      assertThat(first.output()).contains("messages back to the stream");
      lock.rollback();
    }
    start();
    awaitRows(5_000);
  }

  @Test
  void workerThatAsksALockedDatabaseHandsBackWhatItPulled() throws Exception {
    settings.put("ACK_WAIT_SECONDS", "3600"); // what is not handed back stays away
    Worker first = start();
    awaitStream();
    publish(10);
    awaitRows(10);
    try (java.sql.Connection lock = lockMessages()) {
      publish(5_000);
      await().until(() -> database.count(OUR_SESSION + "AND query LIKE '%INSERT%'") == 1);
      database.execute("SELECT pg_terminate_backend(pid) FROM " + OUR_SESSION);
      await().until(() -> database.count(OUR_SESSION + "AND query LIKE '%EXISTS%'") == 1);

      first.terminate();

      assertThat(first.output()).contains("messages back to the stream");
      lock.rollback();
    }
    start();
    awaitRows(5_010);
  }

  @Test // the previous system: 5400 redeliveries a second while the database was down
  void defect7DatabaseDownCausesNoRedelivery() throws Exception {
    settings.put("ACK_WAIT_SECONDS", "3600"); // only what is handed back comes again
    Worker worker = start();
    awaitStream();
    publish(10);
    awaitRows(10);

    database.stop();
    publish(3_000);
    await().until(() -> worker.output().contains("PostgreSQL can't store"));
    await()
        .during(Duration.ofSeconds(3))
        .until(() -> durable().getRedelivered() == 0 && durable().getNumAckPending() <= 2_000);
    database.startAgain();

    awaitRows(3_010);
    await().until(() -> durable().getNumAckPending() == 0);
    assertThat(durable().getDelivered().getConsumerSequence()).isEqualTo(3_010);
    await().until(() -> worker.output().contains("PostgreSQL stores again"));
    // Each reason once: it went, is not there, comes up.
    assertThat(worker.output().lines().filter(line -> line.contains("PostgreSQL can't store")))
        .hasSizeBetween(1, 4)
        .extracting(line -> line.substring(line.indexOf("PostgreSQL")))
        .doesNotHaveDuplicates();
  }

  @Test
  void aDatabaseThatHangsIsSaidAndNotReady() throws Exception {
    Path health = directory.resolve("health-of-one-that-waits");
    settings.put("HEALTH_FILE", health.toString());
    Worker worker = start();
    await().until(() -> Files.exists(health));
    try (java.sql.Connection lock = lockMessages()) {
      publish(10);
      await().until(() -> worker.output().contains("PostgreSQL has not answered for 5 s"));
      await().until(() -> !Files.exists(health));
      lock.rollback();
    }

    awaitRows(10);
    await().until(() -> worker.output().contains("PostgreSQL stores again"));
    await().until(() -> Files.exists(health));
    assertThat(worker.output()).containsOnlyOnce("has not answered");
  }

  @Test // an idle worker notices at once, not at the next message
  void databaseRestartIsNoticedWhileIdle() throws Exception {
    Worker worker = start();
    awaitStream();
    publish(1);
    awaitRows(1);

    database.stop();
    await().until(() -> worker.output().contains("PostgreSQL can't store"));
    database.startAgain();
    await().until(() -> worker.output().contains("PostgreSQL stores again"));

    publish(1);
    awaitRows(2);
  }

  @Test // the previous system: the worker stayed up and never consumed again
  void defect8DeletedDurableIsMadeAgain() throws Exception {
    start();
    awaitStream();
    publish(100);
    awaitRows(100);

    management.deleteConsumer(ChatStream.NAME, ChatStream.DURABLE);
    publish(100);

    awaitRows(200);
  }

  @Test // the sequences of the new stream start at 1 again
  void defect8DeletedStreamIsMadeAgain() throws Exception {
    start();
    awaitStream();
    publish(100);
    awaitRows(100);

    management.deleteStream(ChatStream.NAME);
    awaitStream();
    publish(100);

    awaitRows(200);
    assertThat(database.column("SELECT DISTINCT count(*) FROM messages GROUP BY stream_seq"))
        .containsExactly("2");
  }

  @Test
  void twoWorkersShareTheWorkWithoutDuplicates() throws Exception {
    prepare();
    publish(10_000);
    Worker first = start();
    Worker second = start();

    awaitRows(10_000);
    publish(10_000);
    awaitRows(20_000);
    assertThat(first.isAlive()).isTrue();
    assertThat(second.isAlive()).isTrue();
  }

  @Test
  void megabyteAndBinaryPayloadsStopNobody() throws Exception {
    prepare();
    byte[] megabyte = new byte[1024 * 1024 - 1000];
    for (int i = 0; i < 100; i++) {
      stream.publish("chat.lobby", megabyte);
    }
    publish(100);

    start();

    awaitRows(100);
    await().until(() -> database.count("dead_letters") == 100);
    assertThat(database.column("SELECT DISTINCT length(body) FROM dead_letters"))
        .containsExactly(String.valueOf(megabyte.length));
  }

  /** The broker looks at none of it: whoever may publish chooses it freely. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "no headers at all\r\n\r\n",
        "NATS/1.0\r\nno colon\r\n\r\n",
        "NATS/1.0\r\nwithout an end",
        "NATS/1.0 409 Consumer Deleted\r\n\r\n"
      })
  void headersThatAreNoneStopNobody(String headers) throws Exception {
    prepare();
    String body = json("bob", "between");
    publish(1);
    publishRaw(
        "HPUB chat.lobby %d %d\r\n%s%s\r\n"
            .formatted(headers.length(), headers.length() + body.length(), headers, body));
    publish(1);

    Worker worker = start();

    awaitRows(3);
    assertThat(worker.output()).doesNotContain("Lost the connection");
  }

  @Test // which ends a line, for jnats
  void aCarriageReturnInASubjectStopsNobody() throws Exception {
    prepare();
    String body = json("bob", "between");
    publish(1);
    publishRaw("PUB chat.a\rb %d\r\n%s\r\n".formatted(body.length(), body));
    publish(1);

    Worker worker = start();

    awaitRows(3);
    assertThat(worker.output()).doesNotContain("Lost the connection");
  }

  @Test // longer than what jnats reads unless it is told to
  void aSubjectAsLongAsTheBrokerTakesStopsNobody() throws Exception {
    prepare();
    String body = json("bob", "hello");
    publish(1);
    publishRaw("PUB chat.%s %d\r\n%s\r\n".formatted("r".repeat(16_000), body.length(), body));
    publish(1);

    Worker worker = start();

    awaitRows(2);
    assertThat(database.column("SELECT length(subject) FROM dead_letters"))
        .containsExactly("16005");
    assertThat(worker.output()).doesNotContain("Lost the connection");
  }

  /** The broker's own message, to where a client wants it: max_control_line does not count. */
  @ParameterizedTest
  @ValueSource(ints = {100, 60_000})
  void aTraceEventStopsNobody(int length) throws Exception {
    prepare();
    String body = json("bob", "between");
    String headers = "NATS/1.0\r\nNats-Trace-Dest: chat.%s\r\n\r\n".formatted("r".repeat(length));
    publish(1);
    publishRaw(
        "HPUB chat.lobby %d %d\r\n%s%s\r\n"
            .formatted(headers.length(), headers.length() + body.length(), headers, body));
    await().until(() -> storedMessages() == 3);
    publish(1);

    Worker worker = start();

    awaitRows(3);
    assertThat(database.column("SELECT split_part(reason, ':', 1) FROM dead_letters"))
        .containsExactly("invalid_user");
    assertThat(worker.output()).doesNotContain("Lost the connection");
  }

  private long storedMessages() throws Exception {
    return management.getStreamInfo(ChatStream.NAME).getStreamState().getMsgCount();
  }

  /** By NATS' protocol, past what jnats would refuse to send. */
  private static void publishRaw(String publish) throws Exception {
    URI address = URI.create(broker.url());
    String connect = "CONNECT {\"user\":\"tester\",\"pass\":\"test-only\",\"headers\":true}\r\n";
    try (Socket socket = new Socket(address.getHost(), address.getPort())) {
      socket.getOutputStream().write((connect + publish + "PING\r\n").getBytes(UTF_8));
      BufferedReader answers =
          new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8));
      assertThat(answers.lines().anyMatch("PONG"::equals)).isTrue();
    }
  }

  @Test
  void whatOnlyPostgresRefusesIsSetAsideAlone() throws Exception {
    prepare();
    database.execute("ALTER TABLE messages ADD CHECK (text <> 'message 7')");
    publish(400);

    start();

    awaitRows(399);
    await().until(() -> database.count("dead_letters") == 1);
    assertThat(database.column("SELECT reason FROM dead_letters").get(0))
        .startsWith("refused_by_database: ");
  }

  @Test
  void waitsForBrokerAndDatabase() throws Exception {
    broker.kill();
    database.stop();
    Worker worker = start();
    await().until(() -> worker.output().contains("Waiting for PostgreSQL"));
    database.startAgain();
    await().until(() -> worker.output().contains("Waiting for NATS"));
    broker.startAgain();

    awaitStream();
    publish(1);
    awaitRows(1);
  }

  @Test // a host that is gone closes no connection: the worker waited for its answer for ever
  @SuppressWarnings("try") // that one socket is closed, and the other not, is what happens
  void aDatabaseThatHangsAtTheStartIsSaidAndNotWaitedForWithoutEnd() throws Exception {
    database.stop();
    try (ServerSocket silent =
        new ServerSocket(URI.create(database.url().substring(5)).getPort())) {
      Worker worker = start();
      try (Socket waitsForAnswer = silent.accept()) {
        waitsForAnswer.getInputStream().readNBytes(8); // whether it speaks TLS
        waitsForAnswer.getOutputStream().write('N');
        silent.close();
        await().until(() -> worker.output().contains("Waiting for PostgreSQL"));
        database.startAgain();

        awaitStream();
        publish(1);
        awaitRows(1);
      }
    }
  }

  /**
   * Whoever may publish chooses them: DEL is the one that nats-server's index of subjects lacks.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {"*", ">", "a\u007fb", "a\u0085b", "\u202e", "\ud83d\ude00", "a\\b", "\"", "{a,b}"})
  void aRoomOfAnyNameIsARoom(String room) throws Exception {
    prepare();
    String body = json("bob", "between");
    publish(1);
    publishRaw("PUB chat.%s %d\r\n%s\r\n".formatted(room, body.length(), body));
    publish(1);

    start();

    awaitRows(3);
    assertThat(database.column("SELECT room FROM messages WHERE text = 'between'"))
        .containsExactly(room);
  }

  @Test
  void aDatabaseThatIsThereAndRefusesTheWorkerIsToldFromNone() throws Exception {
    settings.put("DATABASE_USER", "nobody");
    database.stop();
    Worker worker = start();
    await().until(() -> worker.output().contains("Waiting for PostgreSQL"));
    database.startAgain();

    await().until(() -> worker.output().contains("role \"nobody\" does not exist"));
  }

  /** Whoever started it starts it again, with the secrets of then. */
  @Test
  void endsWhenTheBrokerRefusesItForGood() throws Exception {
    Worker worker = start();
    awaitStream();
    try {
      restartBroker("another");

      assertThat(worker.exitCode()).isEqualTo(1);
      assertThat(worker.output()).contains("NATS refuses us for good");
      assertThat(worker.output().lines().filter(line -> line.contains("NATS says"))).hasSize(1);
    } finally {
      restartBroker("test-only");
    }
  }

  @Test
  void endsWhenTheBrokerRefusesItForGoodWhileItWaitsForPostgres() throws Exception {
    database.stop();
    Worker worker = start();
    await().until(() -> worker.output().contains("Waiting for PostgreSQL"));
    await().until(() -> worker.output().contains("Connected to NATS"));
    try {
      restartBroker("another");

      await().until(() -> !worker.isAlive());
      assertThat(worker.exitCode()).isEqualTo(1);
      assertThat(worker.output())
          .contains("NATS refuses us for good", "the connection to NATS was closed");
    } finally {
      restartBroker("test-only");
      database.startAgain();
    }
  }

  private static void restartBroker(String password) throws Exception {
    broker.stop();
    broker.changePassword(password);
    broker.startAgain();
  }

  @Test
  void healthFileExistsOnlyWhileReady() throws Exception {
    Path health = directory.resolve("health");
    settings.put("HEALTH_FILE", health.toString());
    Worker worker = start();
    await().until(() -> Files.exists(health));
    broker.kill();
    await().until(() -> !Files.exists(health));
    broker.startAgain();
    await().until(() -> Files.exists(health));
    worker.terminate();
    assertThat(health).doesNotExist();
  }

  @Test
  void historyServiceMayOnlyReadMessages() throws Exception {
    start();
    awaitStream();
    try (java.sql.Connection history =
            java.sql.DriverManager.getConnection(database.url(), "history_service", "test-only");
        Statement statement = history.createStatement()) {
      assertThat(statement.execute("SELECT * FROM messages")).isTrue();
      assertThatThrownBy(() -> statement.execute("DELETE FROM messages"))
          .isInstanceOf(SQLException.class)
          .hasMessageContaining("permission denied");
      assertThatThrownBy(() -> statement.execute("SELECT * FROM dead_letters"))
          .hasMessageContaining("permission denied");
    }
  }

  @Test
  void everyMissingVariableIsNamedInOneLine() throws Exception {
    settings.replaceAll((name, value) -> "");
    Worker worker = start();

    assertThat(worker.exitCode()).isEqualTo(64);
    assertThat(worker.output().lines()).hasSize(1);
    assertThat(worker.output()).contains(settings.keySet());
  }
}
