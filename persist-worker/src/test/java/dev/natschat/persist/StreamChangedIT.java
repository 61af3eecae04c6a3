package dev.natschat.persist;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.nats.client.JetStreamManagement;
import io.nats.client.JetStreamSubscription;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.Subscription;
import io.nats.client.api.AckPolicy;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.DeliverPolicy;
import io.nats.client.api.DiscardPolicy;
import io.nats.client.api.PriorityPolicy;
import io.nats.client.api.StreamConfiguration;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Somebody fills, changes or restores what the worker relies on. */
class StreamChangedIT extends WorkerTest {

  @Test
  void publisherIsToldThatTheStreamIsFullAndAcceptedAgainWhenItIsDrained() throws Exception {
    settings.put("STREAM_MAX_BYTES", String.valueOf(1024 * 1024));
    prepare();
    byte[] large = json("bob", "x".repeat(10_000)).getBytes(UTF_8);
    int accepted = publishUntilRefused(large);
    assertThat(accepted).isGreaterThan(50);

    start();

    awaitRows(accepted);
    await()
        .ignoreExceptions()
        .until(() -> stream.publish("chat.lobby", large).hasError(), no -> !no);
    awaitRows(accepted + 1);
    assertThat(management.getStreamInfo(ChatStream.NAME).getStreamState().getByteCount())
        .as("a quarter is kept, for a database that has to be restored")
        .isGreaterThan(200_000);
  }

  @Test // and nobody can tell it: a PubAck is the only sign
  void corePublishIntoAFullStreamIsHeardButNotStored() throws Exception {
    settings.put("STREAM_MAX_BYTES", String.valueOf(1024 * 1024));
    prepare();
    byte[] large = json("bob", "x".repeat(10_000)).getBytes(UTF_8);
    int accepted = publishUntilRefused(large);
    Subscription listener = nats.subscribe("chat.lobby");
    nats.publish("chat.lobby", large);
    assertThat(listener.nextMessage(Duration.ofSeconds(10))).isNotNull();

    start();
    awaitRows(accepted);
  }

  @Test
  void smallerLimitThanWhatWaitsLosesNothing() throws Exception {
    prepare();
    publish(20_000);
    settings.put("STREAM_MAX_BYTES", String.valueOf(1024 * 1024));

    start();

    awaitRows(20_000);
  }

  @Test
  void streamSettingsThatLoseMessagesAreSetRight() throws Exception {
    Worker worker = start();
    awaitStream();
    StreamConfiguration right = configuration();
    update(
        present ->
            present
                .discardPolicy(DiscardPolicy.Old)
                .maxMessages(10)
                .maxMessagesPerSubject(5)
                .maxAge(Duration.ofMinutes(5))
                .allowRollup(true)
                .subjects("chat.lobby"));

    await().until(() -> configuration().toJson(), right.toJson()::equals);
    assertThat(worker.output()).contains("was changed: set right again");
    publish(100);
    awaitRows(100);
  }

  @Test // the next worker asked for what no broker does, and never consumed
  void streamWhoseMessagesMayHaveTimesToLiveForGoodIsConsumed() throws Exception {
    prepare();
    update(present -> present.allowMessageTtl(true));
    publish(100);

    start();

    awaitRows(100);
  }

  @Test // with them come roll-ups, which the broker allowed again each time they were forbidden
  void markersOfDeletedSubjectsAreSetRight() throws Exception {
    Worker worker = start();
    awaitStream();
    update(present -> present.subjectDeleteMarkerTtl(Duration.ofSeconds(1)));

    await().until(() -> !configuration().getAllowRollup());
    publish(100);
    awaitRows(100);
    assertThat(worker.output()).containsOnlyOnce("was changed: set right again");
  }

  @Test // the next worker never came to consume it
  void streamThatRefusesToBeTrimmedIsConsumed() throws Exception {
    settings.put("STREAM_MAX_BYTES", String.valueOf(1024 * 1024));
    prepare();
    update(present -> present.denyPurge(true));
    byte[] large = json("bob", "x".repeat(10_000)).getBytes(UTF_8);
    for (int i = 0; i < 60; i++) {
      stream.publish("chat.lobby", large);
    }
    Worker first = start();
    awaitRows(60);
    first.terminate();
    publish(10);

    start();

    awaitRows(70);
  }

  @Test // nobody can unseal it
  void streamThatStaysAsItIsIsSaidOnce() throws Exception {
    Worker worker = start();
    awaitStream();
    publish(100);
    awaitRows(100);
    String sealed = "{\"sealed\":true," + configuration().toJson().substring(1);
    nats.request("$JS.API.STREAM.UPDATE." + ChatStream.NAME, sealed.getBytes(UTF_8)).get();
    assertThat(configuration().getSealed()).isTrue();

    await().until(() -> worker.output().contains("was changed"));
    await()
        .during(Duration.ofSeconds(3))
        .until(
            () ->
                worker.output().lines().filter(line -> line.contains("was changed")).count() == 1);
  }

  private void update(UnaryOperator<StreamConfiguration.Builder> change) throws Exception {
    management.updateStream(change.apply(StreamConfiguration.builder(configuration())).build());
  }

  private StreamConfiguration configuration() throws Exception {
    return management.getStreamInfo(ChatStream.NAME).getConfiguration();
  }

  @Test
  void sizeOfTheStreamMayBeChangedWhileWorkersRun() throws Exception {
    start();
    awaitStream();
    long larger = configuration().getMaxBytes() + 1024 * 1024;
    update(present -> present.maxBytes(larger));

    publish(1);
    awaitRows(1);
    await().during(Duration.ofSeconds(3)).until(() -> configuration().getMaxBytes() == larger);
  }

  @Test
  void durableThatPassedOverMessagesDeliversThemAfterAll() throws Exception {
    prepare();
    management.addOrUpdateConsumer(
        ChatStream.NAME,
        ConsumerConfiguration.builder(durable().getConsumerConfiguration())
            .filterSubject("chat.other")
            .build());
    publish(100);
    stream.publish("chat.other", json("bob", "hello").getBytes(UTF_8));

    Worker worker = start();

    awaitRows(101);
    assertThat(worker.output()).contains("may have passed over messages");
  }

  @Test
  void durableThatDoesNotWaitForAcknowledgementsIsReplacedWhileTheWorkerRuns() throws Exception {
    start();
    awaitStream();
    publish(100);
    awaitRows(100);

    ConsumerConfiguration careless =
        ConsumerConfiguration.builder()
            .durable(ChatStream.DURABLE)
            .deliverPolicy(DeliverPolicy.New)
            .ackPolicy(AckPolicy.None)
            .build();
    await()
        .ignoreExceptions() // the worker may be the first to make it again
        .until(
            () ->
                management.deleteConsumer(ChatStream.NAME, ChatStream.DURABLE)
                    && management.addOrUpdateConsumer(ChatStream.NAME, careless) != null);
    publish(100);

    await()
        .ignoreExceptions()
        .until(() -> durable().getConsumerConfiguration().getAckPolicy() == AckPolicy.Explicit);
    awaitRows(200);
  }

  @Test // the broker refuses every pull request that asks for more, and the worker asked on
  void durableThatRefusesWhatTheWorkerPullsIsSetRight() throws Exception {
    Worker worker = start();
    awaitStream();
    publish(100);
    awaitRows(100);
    ConsumerConfiguration right = durable().getConsumerConfiguration();
    management.addOrUpdateConsumer(
        ChatStream.NAME,
        ConsumerConfiguration.builder(right)
            .maxBatch(10)
            .maxBytes(1024)
            .maxExpires(Duration.ofMillis(100))
            .build());
    await().until(() -> durable().getConsumerConfiguration().getMaxBatch() <= 0);
    publish(100);

    awaitRows(200);
    assertThat(durable().getDelivered().getConsumerSequence())
        .as("nothing is delivered again")
        .isEqualTo(200);
    assertThat(worker.output()).containsOnlyOnce("refuses what is pulled: set right again");
  }

  @Test
  void durableThatIsPausedIsSaidUntilItIsResumed() throws Exception {
    Worker worker = start();
    awaitStream();
    ZonedDateTime until = ZonedDateTime.of(2999, 12, 31, 23, 59, 0, 0, ZoneOffset.UTC);
    management.pauseConsumer(ChatStream.NAME, ChatStream.DURABLE, until);
    await()
        .until(
            () ->
                worker
                    .output()
                    .contains("is paused until 2999-12-31T23:59:00Z: nothing is delivered"));
    publish(10);

    management.resumeConsumer(ChatStream.NAME, ChatStream.DURABLE);

    awaitRows(10);
    await().until(() -> worker.output().contains("is as it was declared"));
    assertThat(worker.output()).containsOnlyOnce("is paused");
  }

  @Test // a worker that starts updates the durable
  void durableThatIsPausedStaysSoWhenAWorkerStarts() throws Exception {
    prepare();
    ZonedDateTime until = ZonedDateTime.of(2999, 12, 31, 23, 59, 0, 0, ZoneOffset.UTC);
    management.pauseConsumer(ChatStream.NAME, ChatStream.DURABLE, until);
    Worker worker = start();
    await().until(() -> worker.output().contains("is paused until"));

    assertThat(durable().getPaused()).isTrue();
  }

  @Test
  void durableThatDeliversLessIsSaid() throws Exception {
    Worker worker = start();
    awaitStream();
    management.addOrUpdateConsumer(
        ChatStream.NAME,
        ConsumerConfiguration.builder(durable().getConsumerConfiguration())
            .maxAckPending(1)
            .ackWait(Duration.ofHours(1))
            .build());
    await()
        .until(
            () ->
                worker
                    .output()
                    .contains("was changed to max_ack_pending 1 and ack_wait PT1H: left so"));
    publish(10);

    awaitRows(10);
  }

  @Test // the broker refuses every pull request that names no group, and the worker asked on
  void durableThatServesGroupsOnlyIsSetRight() throws Exception {
    Worker worker = start();
    awaitStream();
    publish(100);
    awaitRows(100);
    management.addOrUpdateConsumer(
        ChatStream.NAME,
        ConsumerConfiguration.builder(durable().getConsumerConfiguration())
            .priorityPolicy(PriorityPolicy.Overflow)
            .priorityGroups("group")
            .build());
    await().until(() -> durable().getConsumerConfiguration().getPriorityGroups() == null);
    publish(100);

    awaitRows(200);
    assertThat(worker.output()).containsOnlyOnce("refuses what is pulled: set right again");
  }

  @Test // the broker gives up a message after max_deliver, says so to nobody, and goes on
  void durableThatGaveUpMessagesDeliversThemAfterAll() throws Exception {
    settings.put("ACK_WAIT_SECONDS", "1");
    prepare();
    publish(100);
    management.addOrUpdateConsumer(
        ChatStream.NAME,
        ConsumerConfiguration.builder(durable().getConsumerConfiguration()).maxDeliver(1).build());
    nats.getConsumerContext(ChatStream.NAME, ChatStream.DURABLE)
        .next(Duration.ofSeconds(10)); // by somebody who never acknowledges it

    start();

    awaitRows(100);
  }

  @Test // new messages get sequences that the table has already
  void streamRestoredFromAnOlderSnapshotLosesNothingNew() throws Exception {
    start();
    awaitStream();
    publish(100);
    awaitRows(100);
    broker.stop();
    Path snapshot = broker.copyStore(directory.resolve("snapshot"));
    broker.startAgain();
    publish(50);
    awaitRows(150);

    broker.stop();
    broker.replaceStore(snapshot);
    broker.startAgain();
    await().ignoreExceptions().until(() -> durable().getDelivered().getStreamSequence() == 100);
    publish(80);

    awaitRows(230);
    assertThat(
            database.column(
                "SELECT count(*) FROM (SELECT stream_seq FROM messages GROUP BY 1 HAVING count(*) = 2) twice"))
        .containsExactly("50");
  }

  @Test
  void databaseRestoredFromAnOlderBackupGetsWhatTheStreamStillHas() throws Exception {
    Worker worker = start();
    awaitStream();
    publish(100);
    awaitRows(100);
    Path backup = backUp("backup");
    publish(50);
    stream.publish("chat.lobby", "poison".getBytes(UTF_8));
    awaitRows(150);

    restore(backup);

    awaitRows(150);
    assertThat(database.count("dead_letters")).isEqualTo(1);
    assertThat(worker.output()).contains("was it restored from a dump?");
  }

  @Test // what was kept through the outage would move the acknowledgement floor over the gap
  void restoredDatabaseIsAskedBeforeAnythingIsAcknowledged() throws Exception {
    Worker worker = start();
    awaitStream();
    publish(100);
    awaitRows(100);
    Path backup = backUp("older-backup");
    publish(50);
    awaitRows(150);

    database.stop();
    await().until(() -> worker.output().contains("PostgreSQL can't store"));
    publish(10);
    database.replaceFiles(backup);
    broker.stop();
    database.startAgain();
    await()
        .during(Duration.ofSeconds(3))
        .ignoreExceptions()
        .until(() -> database.count("messages") == 100);
    broker.startAgain();

    awaitRows(160);
    assertThat(worker.output()).contains("was it restored from a dump?");
  }

  @Test // a standby that lacks the last second: the acknowledgement floor is behind it
  void whatWasStoredBehindTheAcknowledgementFloorIsAskedFor() throws Exception {
    settings.put("ACK_WAIT_SECONDS", "3600");
    Worker first = start();
    awaitStream();
    publish(100);
    awaitRows(100);
    first.kill();
    Path backup = backUp("standby");
    publish(1);
    JetStreamSubscription other =
        stream.subscribe(null, PullSubscribeOptions.fastBind(ChatStream.NAME, ChatStream.DURABLE));
    assertThat(other.fetch(1, Duration.ofSeconds(30))).hasSize(1);
    Worker worker = start();
    publish(9);
    await().until(() -> database.count("messages") == 109);
    await().until(() -> durable().getNumAckPending() == 1);

    restore(backup);

    awaitRows(110);
    assertThat(worker.output()).contains("was it restored from a dump?");
  }

  @Test
  void durableThatCannotBeReplacedNowIsReplacedLater() throws Exception {
    Worker worker = start();
    awaitStream();
    publish(10);
    awaitRows(10);
    worker.kill();
    ZonedDateTime created = durable().getCreationTime();
    ChatStream ofEmptyDatabase =
        new ChatStream(
            failingOnce("deleteConsumer"),
            (sequence, since) -> OptionalLong.of(sequence),
            Config.from(settings));

    assertThatThrownBy(ofEmptyDatabase::lookAfter).isInstanceOf(IOException.class);
    assertThat(ofEmptyDatabase.isDatabaseKnown()).isFalse();
    assertThat(ofEmptyDatabase.lookAfter().durable().getCreationTime()).isAfter(created);
    assertThat(ofEmptyDatabase.isDatabaseKnown()).isTrue();
    assertThat(durable().getNumPending()).isEqualTo(10);
  }

  private static Path backUp(String name) throws Exception {
    database.stop();
    Path backup = database.copyFiles(directory.resolve(name));
    database.startAgain();
    return backup;
  }

  private static void restore(Path backup) throws Exception {
    database.stop();
    database.replaceFiles(backup);
    database.startAgain();
  }

  /** As when no server answers for a moment, which one cannot be made to do at a given call. */
  private JetStreamManagement failingOnce(String method) {
    AtomicBoolean failed = new AtomicBoolean();
    return (JetStreamManagement)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {JetStreamManagement.class},
            (proxy, called, arguments) -> {
              if (called.getName().equals(method) && failed.compareAndSet(false, true)) {
                throw new IOException("Timeout or no response waiting for NATS JetStream server");
              }
              try {
                return called.invoke(management, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  @Test
  void poisonThatIsDeliveredAgainIsReportedOnce() throws Exception {
    Worker worker = start();
    awaitStream();
    stream.publish("chat.lobby", "poison".getBytes(UTF_8));
    await().until(() -> worker.output().contains("Set aside 1"));

    management.deleteConsumer(ChatStream.NAME, ChatStream.DURABLE);
    await().until(() -> worker.output().contains("made again"));
    publish(1);

    awaitRows(1);
    assertThat(durable().getDelivered().getConsumerSequence()).isEqualTo(2);
    assertThat(worker.output()).containsOnlyOnce("Set aside");
  }

  @Test
  void databaseThatHasEverythingIsGivenNothingAgain() throws Exception {
    Worker worker = start();
    awaitStream();
    publish(100);
    awaitRows(100);

    database.stop();
    await().until(() -> worker.output().contains("PostgreSQL can't store"));
    database.startAgain();
    publish(1);

    awaitRows(101);
    assertThat(worker.output()).doesNotContain("delivered again");
    assertThat(durable().getDelivered().getConsumerSequence()).isEqualTo(101);
  }

  @Test // ids that are given twice: after a restore that forgot the identity's counter
  void tablesOwnKeyIsNoFaultOfAMessage() throws Exception {
    Worker worker = start();
    awaitStream();
    for (int i = 0; i < 1000; i++) {
      stream.publish("chat.lobby", json("alice", "earlier").getBytes(UTF_8));
    }
    awaitRows(1000);

    database.execute("ALTER SEQUENCE messages_id_seq RESTART WITH 1");
    database.execute("ALTER TABLE messages ADD CHECK (text <> 'message 7')"); // row by row, too
    publish(100);
    await().until(() -> worker.output().contains("messages_pkey"));
    database.execute("ALTER SEQUENCE messages_id_seq RESTART WITH 1001");

    awaitRows(1099);
    assertThat(database.count("dead_letters")).isEqualTo(1);
  }

  @Test
  void largeMessagesAreTakenInSmallBatches() throws Exception {
    prepare();
    byte[] megabyte = new byte[1024 * 1024 - 1000];
    for (int i = 0; i < 300; i++) { // more than twice the worker's heap
      stream.publish("chat.lobby", megabyte);
    }

    Worker worker = start();

    await().ignoreExceptions().until(() -> database.count("dead_letters") == 300);
    assertThat(worker.isAlive()).isTrue();
  }
}
