package dev.natschat.auth;

import static java.util.function.Predicate.isEqual;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import com.fasterxml.jackson.databind.JsonNode;
import com.nimbusds.jwt.PlainJWT;
import io.nats.client.Connection;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** The service with a real broker, and a Keycloak that can misbehave. */
@SuppressWarnings("try") // connections
class CalloutIT {
  private static final Duration LONG = Duration.ofSeconds(30);

  private final Path temp;
  private final NatsServer nats;
  private final Realm realm = new Realm();

  CalloutIT(@TempDir Path temp) throws Exception {
    this.temp = temp;
    nats = new NatsServer(temp);
  }

  @AfterEach
  void close() {
    realm.close();
    nats.close();
  }

  private RunningService ready() {
    return RunningService.ready(nats, realm, temp.resolve("health"));
  }

  private String answerTo(String token) throws IOException {
    try (RawClient client = new RawClient(nats.url()).connect(token)) {
      return client.answer();
    }
  }

  @Test
  void aGoodTokenIsLetInOverTcpAndWebSocket() throws Exception {
    String token = realm.token("alice", "admin", "user");
    try (RunningService service = ready();
        ChatClient tcp = ChatClient.withToken(nats.url(), token, "alice");
        ChatClient webSocket = ChatClient.withToken(nats.webSocketUrl(), token, "alice")) {
      assertThat(tcp.mayPublish("chat.lobby")).isTrue();
      assertThat(webSocket.mayPublish("chat.lobby")).isTrue();
    }
  }

  /** The broker answers for a service that has not subscribed yet, when its patience is over. */
  @Test
  void whoComesAsSoonAsItIsReadyIsLetIn() throws Exception {
    String token = realm.token("alice", "user");
    List<RawClient> clients = new CopyOnWriteArrayList<>();
    AppenderBase<ILoggingEvent> connecting =
        new AppenderBase<>() {
          @Override
          protected void append(ILoggingEvent event) {
            if (event.getMessage().startsWith("ready")) {
              try {
                clients.add(new RawClient(nats.url()).connect(token));
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            }
          }
        };
    Logger log = (Logger) LoggerFactory.getLogger(AuthService.class);
    log.addAppender(connecting);
    connecting.start();
    try {
      for (int i = 1; i <= 20; i++) {
        try (RunningService service = ready()) {
          await("ready").atMost(LONG).until(clients::size, isEqual(i));
          assertThat(clients.get(i - 1).answer()).as("start " + i).isEqualTo(RawClient.LET_IN);
        }
      }
    } finally {
      log.detachAppender(connecting);
      closeAll(clients);
    }
  }

  /** An answer, not the broker's timeout: its log quotes our reason. */
  @Test
  void defect10RefusalIsAnsweredAtOnce() throws Exception {
    Date past = Date.from(Instant.now().minusSeconds(5));
    Date future = Date.from(Instant.now().plusSeconds(60));
    Map<String, String> reasonByToken =
        Map.of(
            "garbage",
            "not a signed JWT",
            "",
            "no auth_token",
            new PlainJWT(realm.claims("eve", "admin").build()).serialize(),
            "not a signed JWT",
            Realm.sign(realm.claims("eve").expirationTime(past).build(), realm.key()),
            "expired",
            Realm.sign(realm.claims("eve").notBeforeTime(future).build(), realm.key()),
            "not yet valid",
            Realm.sign(realm.claims("eve").build(), Realm.newKey(realm.key().getKeyID())),
            "wrong signature",
            Realm.sign(realm.claims("eve").claim("azp", "other").build(), realm.key()),
            "for another client",
            Realm.sign(realm.claims("eve").claim("typ", "ID").build(), realm.key()),
            "not an access token",
            Realm.sign(realm.claims("eve").issuer("http://other").build(), realm.key()),
            "of another issuer");
    try (RunningService service = ready()) {
      for (String token : reasonByToken.keySet()) {
        assertThat(answerTo(token)).as(reasonByToken.get(token)).isEqualTo(RawClient.REFUSED);
      }
    }
    for (String reason : Set.copyOf(reasonByToken.values())) {
      awaitRefusalsLogged(reason, Collections.frequency(reasonByToken.values(), reason));
    }
  }

  @Test
  void aTokenOf6KilobytesIsLetIn() throws Exception {
    String token =
        Realm.sign(
            realm.claims("alice", "user").claim("groups", "g".repeat(4200)).build(), realm.key());
    assertThat(token.length()).isGreaterThan(6000);
    try (RunningService service = ready()) {
      assertThat(answerTo(token)).isEqualTo(RawClient.LET_IN);
    }
  }

  /** Once more where the machine stalled meanwhile: the broker waits for 5 s. */
  @Test
  @Timeout(300)
  void aColdStormOf500IsAdmitted() throws Exception {
    List<String> answers;
    boolean stalled;
    do {
      try (Pulse pulse = new Pulse(nats)) {
        answers = answersToAColdStormOf500();
        stalled = pulse.longestPause().compareTo(Duration.ofSeconds(2)) > 0;
      }
    } while (stalled && !Set.copyOf(answers).equals(Set.of(RawClient.LET_IN)));

    assertThat(answers).hasSize(500).containsOnly(RawClient.LET_IN);
  }

  private List<String> answersToAColdStormOf500() throws Exception {
    String token = realm.token("alice", "user");
    List<RawClient> storm = new ArrayList<>();
    try (RunningService service = ready()) {
      for (int i = 0; i < 500; i++) {
        storm.add(new RawClient(nats.url()));
      }
      for (RawClient client : storm) {
        client.connect(token);
      }
      return answers(storm);
    } finally {
      closeAll(storm);
    }
  }

  /** Of the broker and of this JVM, that one or the other may be stopped for a while. */
  private static final class Pulse implements AutoCloseable {
    private final ChatClient client;
    private final Thread thread = new Thread(this::beat, "pulse");
    private volatile long last = System.nanoTime();
    private volatile long longest;
    private volatile boolean closed;

    Pulse(NatsServer nats) throws Exception {
      client = ChatClient.service(nats, "persist-worker");
      thread.start();
    }

    private void beat() {
      try {
        while (!closed) {
          client.flush();
          Duration unused = longestPause();
          last = System.nanoTime();
          Thread.sleep(10);
        }
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }

    synchronized Duration longestPause() {
      longest = Math.max(longest, System.nanoTime() - last);
      return Duration.ofNanos(longest);
    }

    @Override
    public void close() throws InterruptedException {
      closed = true;
      thread.join();
      client.close();
    }
  }

  @Test
  void defect11UnknownKidWhileKeycloakHangsLocksNobodyOut() throws Exception {
    String good = realm.token("alice", "user");
    String unknown = Realm.sign(realm.claims("eve").build(), Realm.newKey("unknown"));
    List<RawClient> strangers = new ArrayList<>();
    try (RunningService service = ready()) {
      realm.hang();
      for (int i = 0; i < 100; i++) {
        strangers.add(new RawClient(nats.url()).connect(unknown));
      }
      await("a fetch that hangs").atMost(LONG).until(() -> realm.fetches() >= 2);
      for (int i = 0; i < 20; i++) {
        assertThat(answerTo(good)).isEqualTo(RawClient.LET_IN);
      }
      assertThat(answers(strangers)).hasSize(100).containsOnly(RawClient.REFUSED);
      awaitRefusalsLogged("signed with an unknown key", 100);
    } finally {
      closeAll(strangers);
    }
  }

  @Test
  void unknownKeysAreAskedForOnceInAWhile() throws Exception {
    List<String> unknown = new ArrayList<>(); // made beforehand, since a key may take a second
    for (int i = 0; i < 20; i++) {
      unknown.add(Realm.sign(realm.claims("eve").build(), Realm.newKey("unknown-" + i % 3)));
    }
    try (RunningService service = ready()) {
      for (String token : unknown) {
        assertThat(answerTo(token)).isEqualTo(RawClient.REFUSED);
      }
      assertThat(realm.fetches()).isLessThan(5);
    }
  }

  @Test
  void aRotatedKeyIsTakenWithoutARestart() throws Exception {
    try (RunningService service = ready()) {
      assertThat(answerTo(realm.token("alice", "user"))).isEqualTo(RawClient.LET_IN);
      String old = realm.token("alice", "user");
      realm.rotate();

      assertThat(answerTo(realm.token("alice", "user"))).isEqualTo(RawClient.LET_IN);
      assertThat(answerTo(old)).isEqualTo(RawClient.REFUSED);
    }
  }

  @Test
  void knownKeysStayGoodWhileKeycloakIsAway() throws Exception {
    String good = realm.token("alice", "user");
    String unknown = Realm.sign(realm.claims("eve").build(), Realm.newKey("unknown"));
    try (RunningService service = ready()) {
      realm.close();

      assertThat(answerTo(unknown)).isEqualTo(RawClient.REFUSED);
      assertThat(answerTo(good)).isEqualTo(RawClient.LET_IN);
      assertThat(service.isReady()).isTrue();
    }
  }

  @Test
  void defect12TwoInstancesShareTheRequests() throws Exception {
    try (RunningService one = ready();
        RunningService two = RunningService.ready(nats, realm, temp.resolve("health-2"))) {
      String token = realm.token("alice", "user");
      for (int i = 0; i < 40; i++) {
        assertThat(answerTo(token)).isEqualTo(RawClient.LET_IN);
      }
      List<Integer> requests = requestsOfInstances();

      assertThat(requests).hasSize(2).doesNotContain(0);
      assertThat(requests.get(0) + requests.get(1)).isEqualTo(40);
    }
  }

  /** Messages that the broker sent to each connection of the user auth. */
  private List<Integer> requestsOfInstances() throws IOException {
    JsonNode connections;
    try (InputStream json =
        URI.create(nats.monitoringUrl() + "/connz?auth=1").toURL().openStream()) {
      connections = NatsJwt.JSON.readTree(json).path("connections");
    }
    List<Integer> requests = new ArrayList<>();
    for (JsonNode connection : connections) {
      if (connection.path("authorized_user").asText().equals("auth")) {
        requests.add(connection.path("out_msgs").asInt());
      }
    }
    return requests;
  }

  @Test
  void aStoppedInstanceLeavesNobodyWithoutAnAnswer() throws Exception {
    String token = realm.token("alice", "user");
    List<RawClient> storm = new ArrayList<>();
    try (RunningService stays = ready()) {
      try (RunningService goes = RunningService.ready(nats, realm, temp.resolve("health-2"))) {
        for (int i = 0; i < 200; i++) {
          storm.add(new RawClient(nats.url()).connect(token));
        }
      }
      assertThat(answers(storm)).hasSize(200).containsOnly(RawClient.LET_IN);
      assertThat(stays.isReady()).isTrue();
    } finally {
      closeAll(storm);
    }
  }

  @Test
  void theConnectionEndsWithItsToken() throws Exception {
    try (RunningService service = ready()) {
      Date soon = Date.from(Instant.now().plusSeconds(5));
      String token =
          Realm.sign(realm.claims("alice", "user").expirationTime(soon).build(), realm.key());
      try (ChatClient alice = ChatClient.withToken(nats.url(), token, "alice")) {
        assertThat(alice.connection().getStatus()).isEqualTo(Connection.Status.CONNECTED);

        await()
            .atMost(LONG)
            .until(() -> alice.connection().getStatus() == Connection.Status.CLOSED);
        assertThat(Instant.now()).isAfter(soon.toInstant().minusSeconds(1));
      }
    }
  }

  @Test
  void theLegacyInboxIsOpenedByTheSwitchOnly() throws Exception {
    String token = realm.token("bob", "user");
    try (RunningService service = ready();
        ChatClient bob = ChatClient.withToken(nats.url(), token, "bob")) {
      assertThat(bob.maySubscribe("_INBOX.>")).isFalse();
    }
    try (RunningService service =
            new RunningService(nats, realm, temp.resolve("health"), Map.of("LEGACY_INBOX", "true"))
                .awaitReady();
        ChatClient bob = ChatClient.withToken(nats.url(), token, "bob")) {
      assertThat(bob.maySubscribe("_INBOX.>")).isTrue();
      assertThat(bob.maySubscribe("_SINBOX.>")).isFalse();
    }
  }

  @Test
  void waitsForKeycloakAndNatsAndFindsThemAgain() throws Exception {
    nats.stop();
    realm.close();
    try (RunningService service =
        new RunningService(nats, realm, temp.resolve("health"), Map.of())) {
      try (Realm late = new Realm(realm.port())) {
        await("asked for keys").atMost(LONG).until(() -> late.fetches() > 0);
        assertThat(service.isReady()).isFalse();
        nats.startAgain();
        service.awaitReady();
        assertThat(answerTo(late.token("alice", "user"))).isEqualTo(RawClient.LET_IN);

        nats.stop();
        await("not ready").atMost(LONG).until(() -> !service.isReady());
        nats.startAgain();
        service.awaitReady();
        assertThat(answerTo(late.token("alice", "user"))).isEqualTo(RawClient.LET_IN);
      }
    }
    assertThat(temp.resolve("health")).doesNotExist();
  }

  /** The broker answers a client before it writes why. */
  private void awaitRefusalsLogged(String reason, int times) {
    String logged = "callout service returned an error: " + reason;
    await(logged)
        .atMost(LONG)
        .untilAsserted(() -> assertThat(nats.output().split(logged, -1)).hasSize(times + 1));
  }

  private static List<String> answers(List<RawClient> clients) throws IOException {
    List<String> answers = new ArrayList<>();
    for (RawClient client : clients) {
      answers.add(client.answer());
    }
    return Collections.unmodifiableList(answers);
  }

  private static void closeAll(List<RawClient> clients) throws IOException {
    for (RawClient client : clients) {
      client.close();
    }
  }
}
