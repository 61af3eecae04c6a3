package dev.natschat.auth;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.natschat.auth.Refusal.Reason;
import java.nio.ByteBuffer;
import java.text.ParseException;
import java.time.Clock;
import java.time.Instant;
import java.util.Collection;
import java.util.Date;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Tells which Keycloak tokens are good: an access token of this realm for this client, now. */
final class TokenValidator {
  /** Keycloak's client; another client's tokens are for another application. */
  static final String CLIENT = "nats-chat-app";

  private static final int MAX_NAME_LENGTH = 255; // of the table's column

  /** The realm's keys. */
  interface Keys {
    @Nullable JWSVerifier find(String keyId);
  }

  private final Keys keys;
  private final String issuer;
  private final Clock clock;
  private final KnownTokens known = new KnownTokens();

  TokenValidator(Keys keys, String issuer, Clock clock) {
    this.keys = keys;
    this.issuer = issuer;
    this.clock = clock;
  }

  ChatUser validate(String token) throws Refusal {
    require(!token.isEmpty(), Reason.NO_TOKEN);
    ByteBuffer hash = KnownTokens.hash(token);
    ChatUser user = known.find(hash, keys, clock.instant());
    return user == null ? verify(token, hash) : user;
  }

  private ChatUser verify(String token, ByteBuffer hash) throws Refusal {
    try {
      SignedJWT jwt = SignedJWT.parse(token);
      // The one that Keycloak signs with. The token's word does not choose it: HS256 with the
      // public key as its secret would pass.
      require(JWSAlgorithm.RS256.equals(jwt.getHeader().getAlgorithm()), Reason.WRONG_ALGORITHM);
      String keyId = jwt.getHeader().getKeyID();
      require(keyId != null, Reason.NO_KEY);
      JWSVerifier key = keys.find(keyId);
      if (key == null) {
        throw new Refusal(Reason.UNKNOWN_KEY);
      }
      require(jwt.verify(key), Reason.WRONG_SIGNATURE);
      ChatUser user = user(jwt.getJWTClaimsSet());
      known.add(hash, user, keyId, key); // of refusals none: anybody can make as many as they like
      return user;
    } catch (ParseException e) {
      throw new Refusal(Reason.NOT_A_JWT);
    } catch (JOSEException e) {
      throw new Refusal(Reason.WRONG_SIGNATURE);
    }
  }

  private ChatUser user(JWTClaimsSet claims) throws Refusal {
    // ID and refresh tokens of the same client carry the same roles.
    require("Bearer".equals(claims.getClaim("typ")), Reason.WRONG_TYPE);
    require(issuer.equals(claims.getIssuer()), Reason.WRONG_ISSUER);
    require(CLIENT.equals(claims.getClaim("azp")), Reason.WRONG_CLIENT);
    Instant now = clock.instant();
    Date expires = claims.getExpirationTime();
    require(expires != null && expires.toInstant().isAfter(now), Reason.EXPIRED);
    Date notBefore = claims.getNotBeforeTime();
    require(notBefore == null || !notBefore.toInstant().isAfter(now), Reason.NOT_YET_VALID);
    String name = claims.getClaim("preferred_username") instanceof String text ? text : "";
    require(!name.isBlank() && name.length() <= MAX_NAME_LENGTH, Reason.NO_NAME);
    Collection<?> roles = roles(claims);
    return new ChatUser(name, roles.contains("admin"), roles.contains("user"), expires.toInstant());
  }

  /** Keycloak leaves the claim out for a user without roles. */
  private static Collection<?> roles(JWTClaimsSet claims) {
    return claims.getClaim("realm_access") instanceof Map<?, ?> access
            && access.get("roles") instanceof Collection<?> roles
        ? roles
        : Set.of();
  }

  private static void require(boolean good, Reason reason) throws Refusal {
    if (!good) {
      throw new Refusal(reason);
    }
  }
}
