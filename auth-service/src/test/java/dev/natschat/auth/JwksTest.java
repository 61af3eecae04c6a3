package dev.natschat.auth;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class JwksTest {
  @Test
  void keysThatAreGivenAreNoFailure() throws Exception {
    try (Realm realm = new Realm();
        Jwks keys = of(realm)) {
      keys.first().get(30, SECONDS);

      assertThat(keys.count()).isOne();
      assertThat(keys.failures()).isZero();
    }
  }

  @Test
  void aKeycloakThatHangsFailsEachTime() throws Exception {
    try (Realm realm = new Realm()) {
      realm.hang();
      try (Jwks keys = of(realm)) {
        await().atMost(Duration.ofSeconds(30)).until(() -> keys.failures() >= 2);

        assertThat(keys.count()).isZero();
      }
    }
  }

  private static Jwks of(Realm realm) {
    return new Jwks(URI.create(realm.issuer() + "/protocol/openid-connect/certs"));
  }
}
