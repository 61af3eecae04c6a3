package dev.natschat.auth;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.natschat.auth.NatsJwt.SigningKey;
import io.nats.client.NUID;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;

/**
 * Writes the callout's answers (<a
 * href="https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_callout">auth
 * callout</a>).
 */
final class Issuer {
  static final Duration MAX_SESSION = Duration.ofHours(1);

  private static final String ACCOUNT = "CHAT";
  private static final int MAX_PAYLOAD = 64 * 1024;
  private static final int MAX_SUBSCRIPTIONS = 256;
  private static final long UNLIMITED = -1;

  private final SigningKey key;
  private final Clock clock;

  Issuer(SigningKey key, Clock clock) {
    this.key = key;
    this.clock = clock;
  }

  /** Lets the client in, until its token expires, but not for longer than an hour. */
  String userJwt(AuthRequest request, ChatUser user, Permissions permissions) {
    Instant latest = clock.instant().plus(MAX_SESSION);
    Instant expires = user.tokenExpires().isBefore(latest) ? user.tokenExpires() : latest;
    // With the account's NAME as audience, and no issuer_account: the broker has no operator.
    ObjectNode claims = claims(request.userNkey(), ACCOUNT);
    claims.put("name", user.name()).put("exp", expires.getEpochSecond());
    ObjectNode nats = nats(claims, "user");
    permissions.writeTo(nats);
    // nats-server 2.12 ignores these three after a callout: see account CHAT in nats.conf.
    nats.put("subs", MAX_SUBSCRIPTIONS).put("data", UNLIMITED).put("payload", MAX_PAYLOAD);
    return NatsJwt.sign(claims, key);
  }

  String admission(AuthRequest request, String userJwt) {
    return response(request, "jwt", userJwt);
  }

  /** With it the broker turns the client away at once; without an answer it would wait. */
  String refusal(AuthRequest request, String reason) {
    return response(request, "error", reason);
  }

  private String response(AuthRequest request, String field, String value) {
    ObjectNode claims = claims(request.userNkey(), request.serverId());
    nats(claims, "authorization_response").put(field, value);
    return NatsJwt.sign(claims, key);
  }

  private ObjectNode claims(String subject, String audience) {
    return NatsJwt.JSON
        .createObjectNode()
        .put("sub", subject)
        .put("aud", audience)
        .put("iat", clock.instant().getEpochSecond())
        .put("jti", NUID.nextGlobal());
  }

  private static ObjectNode nats(ObjectNode claims, String type) {
    return claims.putObject("nats").put("type", type).put("version", 2);
  }
}
