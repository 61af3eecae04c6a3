package dev.natschat.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.nats.client.Connection;
import io.nats.client.Connection.Status;
import io.nats.client.Dispatcher;
import io.nats.client.Options;
import java.io.IOException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

@SuppressWarnings("try") // closing may be interrupted, and is not here
class BrokerConnectionIT {
  private static final String PASSWORD = "test-only";

  private int port;
  private @Nullable Process broker;
  private Logger logger;
  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
  private final AtomicInteger refusals = new AtomicInteger();
  private final AtomicInteger failedTries = new AtomicInteger();

  private final BrokerLog log =
      new BrokerLog("some were dropped") {
        @Override
        public void errorOccurred(Connection nats, String error) {
          refusals.incrementAndGet();
          super.errorOccurred(nats, error);
        }

        @Override
        public synchronized void connectionEvent(Connection nats, Events event) {
          if (event == Events.DISCONNECTED) {
            failedTries.incrementAndGet();
          }
          super.connectionEvent(nats, event);
        }
      };

  @BeforeAll
  static void waitLong() {
    Awaitility.setDefaultTimeout(Duration.ofMinutes(1));
  }

  @BeforeEach
  void setUp() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    logger = (Logger) LoggerFactory.getLogger("dev.natschat.service");
    logger.setLevel(Level.INFO);
    logger.addAppender(lines);
    lines.list = new CopyOnWriteArrayList<>(); // it is read while others write
    lines.start();
  }

  @AfterEach
  void tearDown() throws InterruptedException {
    logger.detachAppender(lines);
    logger.setLevel(null);
    stopBroker();
  }

  @Test
  void waitsForTheBrokerAndSaysSoOnce() throws Exception {
    CompletableFuture<Connection> connecting = connecting(options());
    await().until(() -> said("Waiting for NATS at [nats://127.0.0.1:" + port + "] as me") == 1);
    await().until(() -> failedTries.get() > 3);
    assertThat(connecting).isNotDone();
    startBroker(PASSWORD);

    try (Connection nats = connecting.join()) {
      assertThat(nats.getStatus()).isEqualTo(Status.CONNECTED);
      await().until(() -> said("Connected to NATS at nats://127.0.0.1:" + port) == 1);
    }
    assertThat(said("Waiting")).isEqualTo(1);
  }

  @Test
  void aBrokerThatIsGoneForLongIsLostOnce() throws Exception {
    startBroker(PASSWORD);
    try (Connection nats = BrokerConnection.connect(options())) {
      stopBroker();
      await().until(() -> said("Lost the connection") == 1);
      await().until(() -> failedTries.get() > 4);
      startBroker(PASSWORD);

      await().until(() -> nats.getStatus() == Status.CONNECTED);
      await().until(() -> said("Connected to NATS") == 2);
      assertThat(said("Lost")).isEqualTo(1);
      stopBroker();
      await().until(() -> said("Lost") == 2);
    }
  }

  @Test
  void aUserWhoIsRefusedForLongIsToldOnce() throws Exception {
    startBroker("another");
    CompletableFuture<Connection> connecting = connecting(options());
    await().until(() -> refusals.get() > 4);

    assertThat(said("NATS says: ")).isEqualTo(1);
    assertThat(said("Waiting")).isEqualTo(1);
    stopBroker();
    startBroker(PASSWORD);
    connecting.join().close();
  }

  /** They end the process: what they would not wait for nobody would read. */
  @Test
  void whoWaitsForTheEndWaitsForTheWordsToo() throws Exception {
    startBroker(PASSWORD);
    List<CompletableFuture<Long>> saidThen = new ArrayList<>();
    try (Connection nats = BrokerConnection.connect(options())) {
      for (int i = 0; i < 20; i++) { // jnats tells them, and the log, in any order
        saidThen.add(BrokerConnection.closed(nats).thenApply(end -> said("refuses us for good")));
      }
      stopBroker();
      startBroker("another");
      for (CompletableFuture<Long> said : saidThen) {
        assertThat(said.get(1, TimeUnit.MINUTES)).isEqualTo(1);
      }
    }
  }

  /** jnats does not try a third time. */
  @Test
  void whoIsRefusedForGoodIsToldWhy() throws Exception {
    startBroker(PASSWORD);
    try (Connection nats = BrokerConnection.connect(options())) {
      stopBroker();
      startBroker("another");
      BrokerConnection.closed(nats).get(1, TimeUnit.MINUTES);

      await().until(() -> said("NATS refuses us for good (Authorization Violation)") == 1);
      assertThat(said("NATS says: ")).isEqualTo(1);
      assertThat(BrokerConnection.closed(nats)).isDone();
    }
  }

  @Test
  void whoClosesWhileTheBrokerIsAwayIsNotSaidToBeRefused() throws Exception {
    startBroker(PASSWORD);
    CompletableFuture<Void> closed;
    try (Connection nats = BrokerConnection.connect(options())) {
      closed = BrokerConnection.closed(nats);
      await().until(() -> said("Connected to NATS") == 1);
      log.errorOccurred(nats, "Permissions Violation for Publish to \"a client's choice\"");
      stopBroker();
      await().until(() -> said("Lost the connection") == 1);
    }

    closed.get(1, TimeUnit.MINUTES);
    assertThat(said("NATS says: ")).isEqualTo(1);
    assertThat(said("refuses us for good")).isZero();
  }

  @Test
  void aBrokerThatWillStopIsTold() throws Exception {
    startBroker(PASSWORD);
    try (Connection nats = BrokerConnection.connect(options())) {
      signalBroker("-USR2"); // lame duck mode

      await()
          .until(() -> said("NATS at " + nats.getConnectedUrl() + " says that it will stop") == 1);
    }
  }

  @Test
  void whoIsStoppingDoesNotWaitForTheBroker() {
    assertThatThrownBy(() -> BrokerConnection.connect(options(), () -> true))
        .isInstanceOf(InterruptedException.class);
  }

  @Test
  void errorsInEverOtherWordsAreToldOnceASecond() throws Exception {
    startBroker(PASSWORD);
    long seconds = System.nanoTime() / 1_000_000_000;
    try (Connection nats = BrokerConnection.connect(options())) {
      for (int i = 0; i < 10_000; i++) {
        log.errorOccurred(nats, "refused: " + i);
      }
    }
    seconds = System.nanoTime() / 1_000_000_000 - seconds;

    assertThat(said("NATS says: refused: ")).isBetween(1L, seconds + 1);
  }

  @Test // it may fall behind for one message, thousands of times a second
  void aSlowConsumerIsToldOnce() throws Exception {
    startBroker(PASSWORD);
    int sent = 20_000;
    try (Connection nats = BrokerConnection.connect(options());
        Connection other = BrokerConnection.connect(options())) {
      AtomicInteger taken = new AtomicInteger();
      Dispatcher dispatcher = nats.createDispatcher(message -> taken.incrementAndGet());
      dispatcher.setPendingLimits(1, -1);
      dispatcher.subscribe("subject");
      nats.flush(Duration.ofSeconds(10));
      for (int i = 0; i < sent; i++) {
        other.publish("subject", new byte[0]);
      }

      await().until(() -> taken.get() + dispatcher.getDroppedCount() == sent);
      await().until(() -> said("some were dropped") > 0);
    }
    assertThat(said("some were dropped")).isEqualTo(1);
  }

  @Test
  void aHandlersFaultIsToldBesideRefusals() throws Exception {
    startBroker(PASSWORD);
    try (Connection nats = BrokerConnection.connect(options())) {
      IllegalStateException bug = new IllegalStateException("a bug");
      nats.createDispatcher(
              message -> {
                throw bug;
              })
          .subscribe("subject");
      log.errorOccurred(nats, "a refusal, which hides no bug");
      nats.publish("subject", new byte[0]);

      await().until(() -> said("Failed on a thread of the connection") == 1);
    }
    assertThat(lines.list)
        .filteredOn(line -> line.getLevel() == Level.ERROR)
        .extracting(line -> line.getThrowableProxy().getMessage())
        .containsExactly("a bug");
  }

  @Test
  void aBrokerThatHangsIsNoFaultOfOurs() throws Exception {
    startBroker(PASSWORD);
    Options options = optionsBuilder().pingInterval(Duration.ofMillis(500)).build();
    try (Connection nats = BrokerConnection.connect(options)) {
      signalBroker("-STOP");
      await().until(() -> said("NATS answers no pings") > 0);
      signalBroker("-CONT");

      await().until(() -> said("Connected to NATS") > 1);
      assertThat(lines.list).noneMatch(line -> line.getLevel() == Level.ERROR);
    }
  }

  private Options options() {
    return optionsBuilder().build();
  }

  private Options.Builder optionsBuilder() {
    return BrokerConnection.options("nats://127.0.0.1:" + port, "me", PASSWORD, log)
        .connectionName("me");
  }

  private static CompletableFuture<Connection> connecting(Options options) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return BrokerConnection.connect(options);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
  }

  private long said(String words) {
    return List.copyOf(lines.list).stream()
        .filter(line -> line.getFormattedMessage().contains(words))
        .count();
  }

  private void startBroker(String password) throws IOException {
    broker =
        new ProcessBuilder(
                System.getProperty("nats.server"),
                "--addr=127.0.0.1",
                "--port=" + port,
                "--user=me",
                "--pass=" + password)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
  }

  private void signalBroker(String signal) throws IOException, InterruptedException {
    String pid = Long.toString(Objects.requireNonNull(broker).pid());
    assertThat(new ProcessBuilder("kill", signal, pid).start().waitFor()).isZero();
  }

  private void stopBroker() throws InterruptedException {
    if (broker != null) {
      broker.destroy();
      broker.waitFor();
    }
  }
}
