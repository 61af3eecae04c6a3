package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.nimbusds.jwt.SignedJWT;
import dev.natschat.auth.Metrics.Result;
import dev.natschat.auth.Refusal.Reason;
import java.time.Clock;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@TestInstance(Lifecycle.PER_CLASS)
class TokenValidatorTest {
  private final Realm realm;
  private final TokenValidator validator;

  TokenValidatorTest() throws Exception {
    realm = new Realm();
    JWSVerifier key = Signatures.fastest().verifier(realm.key().toRSAPublicKey());
    validator =
        new TokenValidator(
            keyId -> keyId.equals(realm.key().getKeyID()) ? key : null,
            realm.issuer(),
            Clock.systemUTC());
  }

  @AfterAll
  void close() {
    realm.close();
  }

  @Test
  void anAccessTokenOfTheChatIsGood() throws Exception {
    Instant expires = Instant.now().plusSeconds(77);
    String token = sign(realm.claims("alice", "admin", "user").expirationTime(Date.from(expires)));

    ChatUser user = validator.validate(token);

    assertThat(user)
        .isEqualTo(
            new ChatUser("alice", true, true, Instant.ofEpochSecond(expires.getEpochSecond())));
  }

  @Test
  void keycloakLeavesRolesOutWhereThereAreNone() throws Exception {
    ChatUser charlie = validator.validate(realm.token("charlie"));

    assertThat(charlie.isAdmin() || charlie.isUser()).isFalse();
  }

  @Test
  void rolesOfOddTypesAreNoRoles() throws Exception {
    for (Object access :
        List.of(
            "admin",
            List.of("admin"),
            Map.of("roles", "admin"),
            Map.of("roles", Map.of("admin", true)),
            Map.of("roles", List.of(List.of("admin"), 1, true, "ADMIN", "admin ")))) {
      ChatUser user = validator.validate(sign(realm.claims("eve").claim("realm_access", access)));

      assertThat(user.isAdmin() || user.isUser()).as("%s", access).isFalse();
    }
  }

  @Test
  void aTokenOf6KilobytesIsGood() throws Exception {
    String token = sign(realm.claims("alice", "user").claim("groups", "g".repeat(4000)));

    assertThat(token.length()).isGreaterThan(6000 - 400);
    assertThat(validator.validate(token).isUser()).isTrue();
  }

  @Test
  void expired() throws Exception {
    assertRejected(
        sign(realm.claims("alice").expirationTime(Date.from(Instant.now().minusSeconds(1)))),
        "expired");
    assertRejected(sign(realm.claims("alice").expirationTime(null)), "expired");
  }

  @Test
  void notYetValid() throws Exception {
    assertRejected(
        sign(realm.claims("alice").notBeforeTime(Date.from(Instant.now().plusSeconds(60)))),
        "not yet valid");
  }

  @Test
  void forgedWithAnotherKeyOfTheSameName() throws Exception {
    RSAKey forger = Realm.newKey(realm.key().getKeyID());

    assertRejected(Realm.sign(realm.claims("alice", "admin").build(), forger), "wrong signature");
  }

  @Test
  void tamperedWith() throws Exception {
    String[] good = realm.token("bob", "user").split("\\.", -1);
    String[] more = realm.token("bob", "admin").split("\\.", -1);

    assertRejected(good[0] + "." + more[1] + "." + good[2], "wrong signature");
  }

  @Test
  void anUnknownKeyIsWorthAsking() throws Exception {
    String token = Realm.sign(realm.claims("alice").build(), Realm.newKey("another"));

    assertThatExceptionOfType(Refusal.class)
        .isThrownBy(() -> validator.validate(token))
        .matches(refusal -> refusal.reason() == Reason.UNKNOWN_KEY);
  }

  @Test
  void ofAnotherRealm() throws Exception {
    assertRejected(
        sign(realm.claims("alice").issuer(realm.url() + "/realms/other")), "of another issuer");
    assertRejected(sign(realm.claims("alice").issuer(null)), "of another issuer");
  }

  @Test
  void ofAnotherClient() throws Exception {
    assertRejected(sign(realm.claims("alice").claim("azp", "other-app")), "for another client");
    assertRejected(sign(realm.claims("alice").claim("azp", null)), "for another client");
  }

  /** The same client's ID and refresh tokens carry the same roles. */
  @ParameterizedTest
  @ValueSource(strings = {"ID", "Refresh", "bearer", ""})
  void ofAnotherType(String type) throws Exception {
    assertRejected(sign(realm.claims("alice").claim("typ", type)), "not an access token");
  }

  @Test
  void withoutAName() throws Exception {
    assertRejected(sign(realm.claims("")), "without a name");
    assertRejected(sign(realm.claims("x".repeat(256))), "without a name");
    assertRejected(
        sign(realm.claims("x").claim("preferred_username", List.of("alice"))), "without a name");
  }

  @Test
  void algorithmNone() throws Exception {
    assertRejected(new PlainJWT(realm.claims("alice").build()).serialize(), "not a signed JWT");
  }

  @Test
  void hmacWithThePublicKeyAsItsSecret() throws Exception {
    JWSHeader header =
        new JWSHeader.Builder(JWSAlgorithm.HS256).keyID(realm.key().getKeyID()).build();
    SignedJWT jwt = new SignedJWT(header, realm.claims("alice", "admin").build());
    jwt.sign(new MACSigner(realm.key().toRSAPublicKey().getEncoded()));

    assertRejected(jwt.serialize(), "not signed with RS256");
  }

  @Test
  void anotherRsaAlgorithm() throws Exception {
    JWSHeader header =
        new JWSHeader.Builder(JWSAlgorithm.PS256).keyID(realm.key().getKeyID()).build();
    SignedJWT jwt = new SignedJWT(header, realm.claims("alice").build());
    jwt.sign(new RSASSASigner(realm.key()));

    assertRejected(jwt.serialize(), "not signed with RS256");
  }

  @Test
  void withoutTheNameOfAKey() throws Exception {
    SignedJWT jwt = new SignedJWT(new JWSHeader(JWSAlgorithm.RS256), realm.claims("alice").build());
    jwt.sign(new RSASSASigner(realm.key()));

    assertRejected(jwt.serialize(), "names no key");
  }

  @Test
  void claimsOfWrongTypes() throws Exception {
    String[] good = realm.token("alice").split("\\.", -1);
    String odd =
        signText("{\"typ\":\"Bearer\",\"exp\":\"tomorrow\",\"iss\":7,\"azp\":\"nats-chat-app\"}");

    assertRejected(odd, "not a signed JWT");
    assertRejected(good[0] + ".W10." + good[2], "wrong signature");
  }

  @ParameterizedTest
  @ValueSource(strings = {"x", ".", "..", "a.b.c", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30."})
  void garbage(String token) {
    assertRejected(token, "not a signed JWT");
  }

  @Test
  void noToken() {
    assertRejected("", "no auth_token");
  }

  private String sign(JWTClaimsSet.Builder claims) throws JOSEException {
    return Realm.sign(claims.build(), realm.key());
  }

  private String signText(String claims) throws JOSEException {
    com.nimbusds.jose.JWSObject jws =
        new com.nimbusds.jose.JWSObject(
            new JWSHeader.Builder(JWSAlgorithm.RS256).keyID(realm.key().getKeyID()).build(),
            new com.nimbusds.jose.Payload(claims.getBytes(US_ASCII)));
    jws.sign(new RSASSASigner(realm.key()));
    return jws.serialize();
  }

  private void assertRejected(String token, String reason) {
    assertThatExceptionOfType(Refusal.class)
        .isThrownBy(() -> validator.validate(token))
        .matches(refusal -> refusal.reason().result() == Result.REJECTED)
        .withMessage(reason);
  }
}
