package dev.natschat.auth;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.natschat.auth.Refusal.Kind;
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

  TokenValidator(Keys keys, String issuer, Clock clock) {
    this.keys = keys;
    this.issuer = issuer;
    this.clock = clock;
  }

  ChatUser validate(String token) throws Refusal {
    require(!token.isEmpty(), "no auth_token");
    try {
      SignedJWT jwt = SignedJWT.parse(token);
      // The one that Keycloak signs with. The token's word does not choose it: HS256 with the
      // public
      // key as its secret would pass.
      require(JWSAlgorithm.RS256.equals(jwt.getHeader().getAlgorithm()), "not signed with RS256");
      String keyId = jwt.getHeader().getKeyID();
      require(keyId != null, "names no key");
      JWSVerifier key = keys.find(keyId);
      if (key == null) {
        throw new Refusal(Kind.UNKNOWN_KEY, "signed with an unknown key");
      }
      require(jwt.verify(key), "wrong signature");
      return user(jwt.getJWTClaimsSet());
    } catch (ParseException e) {
      throw new Refusal(Kind.REJECTED, "not a signed JWT");
    } catch (JOSEException e) {
      throw new Refusal(Kind.REJECTED, "signature cannot be verified");
    }
  }

  private ChatUser user(JWTClaimsSet claims) throws Refusal {
    // ID and refresh tokens of the same client carry the same roles.
    require("Bearer".equals(claims.getClaim("typ")), "not an access token");
    require(issuer.equals(claims.getIssuer()), "of another issuer");
    require(CLIENT.equals(claims.getClaim("azp")), "for another client");
    Instant now = clock.instant();
    Date expires = claims.getExpirationTime();
    require(expires != null && expires.toInstant().isAfter(now), "expired");
    Date notBefore = claims.getNotBeforeTime();
    require(notBefore == null || !notBefore.toInstant().isAfter(now), "not yet valid");
    String name = claims.getClaim("preferred_username") instanceof String text ? text : "";
    require(!name.isBlank() && name.length() <= MAX_NAME_LENGTH, "without a name");
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

  private static void require(boolean good, String reason) throws Refusal {
    if (!good) {
      throw new Refusal(Kind.REJECTED, reason);
    }
  }
}
