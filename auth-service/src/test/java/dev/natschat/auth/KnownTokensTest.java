package dev.natschat.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jose.util.Base64URL;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Date;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What is remembered of a token, and for how long. */
class KnownTokensTest {
  private final Realm realm = new Realm();
  private final SettableClock clock = new SettableClock();
  private @Nullable JWSVerifier key = counting();
  private int verified;
  private final TokenValidator validator = new TokenValidator(keyId -> key, realm.issuer(), clock);

  KnownTokensTest() throws Exception {}

  @AfterEach
  void close() {
    realm.close();
  }

  @Test
  void aTokenIsVerifiedOnce() throws Exception {
    String token = realm.token("alice", "admin");

    ChatUser first = validator.validate(token);

    assertThat(validator.validate(token)).isEqualTo(first);
    assertThat(verified).isEqualTo(1);
  }

  @Test
  void anotherTokenOfTheSameUserIsVerified() throws Exception {
    validator.validate(realm.token("alice", "user"));
    validator.validate(realm.token("alice", "admin"));

    assertThat(verified).isEqualTo(2);
  }

  @Test
  void aKnownTokenExpires() throws Exception {
    Instant expires = Instant.now().plusSeconds(60);
    String token =
        Realm.sign(realm.claims("alice").expirationTime(Date.from(expires)).build(), realm.key());
    validator.validate(token);

    clock.now = Instant.ofEpochSecond(expires.getEpochSecond());

    assertThatThrownBy(() -> validator.validate(token)).hasMessage("expired");
  }

  @Test
  void aTokenWhoseKeyTheRealmNoLongerOffersIsUnknown() throws Exception {
    String token = realm.token("alice");
    validator.validate(token);

    key = null;

    assertThatThrownBy(() -> validator.validate(token)).hasMessage("signed with an unknown key");
  }

  @Test
  void aTokenIsVerifiedAgainWithAKeyThatWasFetchedAgain() throws Exception {
    String token = realm.token("alice");
    validator.validate(token);
    key = counting();
    validator.validate(token);
    assertThat(verified).isEqualTo(2);

    key = new RSASSAVerifier(Realm.newKey("first"));

    assertThatThrownBy(() -> validator.validate(token)).hasMessage("wrong signature");
  }

  @Test
  void refusalsAreNotRemembered() throws Exception {
    Instant later = Instant.now().plusSeconds(60);
    String token =
        Realm.sign(realm.claims("alice").notBeforeTime(Date.from(later)).build(), realm.key());
    assertThatThrownBy(() -> validator.validate(token)).hasMessage("not yet valid");

    clock.now = later;

    assertThat(validator.validate(token).name()).isEqualTo("alice");
  }

  @Test
  void aKnownTokenLendsNothingToOneThatIsAlike() throws Exception {
    String token = realm.token("alice", "admin");
    validator.validate(token);
    for (int i = 0; i < token.length(); i += 13) {
      char[] alike = token.toCharArray();
      alike[i] = alike[i] == 'A' ? 'B' : 'A';
      assertThatThrownBy(() -> validator.validate(new String(alike))).isInstanceOf(Refusal.class);
    }
  }

  @Test
  void noMoreThanTenThousandAreKnown() throws Exception {
    KnownTokens tokens = new KnownTokens();
    RSASSAVerifier verifier = new RSASSAVerifier(realm.key());
    ChatUser user = new ChatUser("alice", false, true, Instant.MAX);
    for (int i = 0; i < 10_100; i++) {
      tokens.add(KnownTokens.hash("token-" + i), user, "first", verifier);
    }

    assertThat(tokens.size()).isEqualTo(10_000);
    assertThat(tokens.find(KnownTokens.hash("token-0"), id -> verifier, Instant.now())).isNull();
    assertThat(tokens.find(KnownTokens.hash("token-10099"), id -> verifier, Instant.now()))
        .isSameAs(user);
  }

  private JWSVerifier counting() throws Exception {
    RSASSAVerifier real = new RSASSAVerifier(realm.key());
    return new JWSVerifier() {
      @Override
      public boolean verify(JWSHeader header, byte[] text, Base64URL signature)
          throws com.nimbusds.jose.JOSEException {
        verified++;
        return real.verify(header, text, signature);
      }

      @Override
      public Set<com.nimbusds.jose.JWSAlgorithm> supportedJWSAlgorithms() {
        return real.supportedJWSAlgorithms();
      }

      @Override
      public com.nimbusds.jose.jca.JCAContext getJCAContext() {
        return real.getJCAContext();
      }
    };
  }

  private static final class SettableClock extends Clock {
    Instant now = Instant.now();

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }
}
