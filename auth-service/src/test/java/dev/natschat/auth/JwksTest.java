package dev.natschat.auth;

import static java.util.concurrent.TimeUnit.MINUTES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

class JwksTest {
  private final Logger logger = (Logger) LoggerFactory.getLogger(Jwks.class);
  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();

  @BeforeAll
  static void waitLong() {
    Awaitility.setDefaultTimeout(Duration.ofMinutes(1));
  }

  @BeforeEach
  void listen() {
    lines.list = new CopyOnWriteArrayList<>(); // Jwks logs on its own thread
    lines.start();
    logger.addAppender(lines);
  }

  @AfterEach
  void stopListening() {
    logger.detachAppender(lines);
  }

  /** Asked again by another where a machine that stalls made it wait too long. */
  @Test
  void keysThatAreGivenAreNoFailure() throws Exception {
    try (Realm realm = new Realm()) {
      await().until(() -> failuresUntilGiven(realm) == 0);
    }
  }

  private static long failuresUntilGiven(Realm realm) throws Exception {
    try (Jwks keys = of(realm)) {
      keys.first().get(1, MINUTES);

      assertThat(keys.count()).isOne();
      return keys.failures();
    }
  }

  /** RFC 7517, section 5: what is not understood, or lacks something, is to be ignored. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{'kty':'RSA','use':'sig','n':'AQAB','e':'AQAB'}",
        "{'kty':'RSA','use':'sig','kid':'odd'}",
        "{'kty':'RSA','use':'sig','kid':'odd','n':'AQ','e':'AA'}",
        "{'kty':'RSA','use':'sig','kid':'odd','n':'AQAB','e':'AQAB','x5c':['MIIB']}",
        "{'kty':'EC','use':'sig','kid':'odd','crv':'P-224','x':'AQAB','y':'AQAB'}",
        "{'kty':'AKP','use':'sig','kid':'odd','alg':'ML-DSA-44','pub':'AQ'}"
      })
  void aKeyThatIsNoneHidesNoOther(String odd) throws Exception {
    try (Realm realm = new Realm()) {
      realm.offer(odd.replace('\'', '"'));
      try (Jwks keys = of(realm)) {
        keys.first().get(1, MINUTES);

        assertThat(keys.find(realm.key().getKeyID())).isNotNull();
      }
    }
  }

  @Test
  void aKeycloakThatHangsFailsEachTime() throws Exception {
    try (Realm realm = new Realm()) {
      realm.hang();
      try (Jwks keys = of(realm)) {
        await().until(() -> keys.failures() >= 2);

        assertThat(keys.count()).isZero();
      }
    }
  }

  @Test
  void aKeycloakThatHangsIsSaidInWords() throws Exception {
    try (Realm realm = new Realm();
        Jwks keys = of(realm)) {
      keys.first().get(1, MINUTES);
      realm.hang();
      await().until(() -> asksAgainInVain(keys));

      await().until(() -> said("no answer within 2 s; asking on, the 1 known key(s) stay good"));
    }
  }

  @Test
  void aKeycloakThatIsNotThereIsSaidInWords() {
    try (Jwks keys = new Jwks(URI.create("http://127.0.0.1:1/certs"))) {
      await().until(() -> keys.failures() > 0);

      await().until(() -> said("cannot connect; asking on, nobody can log in meanwhile"));
    }
  }

  @Test
  @SuppressWarnings("try") // closing it is what happens
  void anotherReasonOfTheSameOutageIsSaidToo() throws Exception {
    try (Realm realm = new Realm()) {
      realm.hang();
      try (Jwks keys = of(realm)) {
        await().until(() -> said("no answer within 2 s; asking on, nobody can log in meanwhile"));
        realm.close();

        await().until(() -> said("cannot connect; asking on, nobody can log in meanwhile"));
      }
    }
  }

  /** It does not ask twice at a time, so more than one may be needed. */
  private static boolean asksAgainInVain(Jwks keys) {
    keys.askAgainThen(() -> {});
    return keys.failures() > 0;
  }

  private boolean said(String end) {
    return lines.list.stream().anyMatch(line -> line.getFormattedMessage().endsWith(": " + end));
  }

  private static Jwks of(Realm realm) {
    return new Jwks(URI.create(realm.issuer() + "/protocol/openid-connect/certs"));
  }
}
