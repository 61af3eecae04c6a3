package dev.natschat.auth;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * What the broker asks about a connecting client.
 *
 * @param serverId the broker that asks; the answer's audience
 * @param serverXkey the key to encrypt the answer to
 * @param userNkey the broker's name for the client; the answer's subject
 * @param patience seconds that the broker waits for an answer
 * @param token the client's auth_token, empty if it sent none
 * @param clientKind Client, Leafnode, ...
 * @param clientType nats, websocket, mqtt
 * @param clientHost the client's address
 */
record AuthRequest(
    String serverId,
    String serverXkey,
    String userNkey,
    long patience,
    String token,
    String clientKind,
    String clientType,
    String clientHost) {
  static final String AUDIENCE = "nats-authorization-request";

  /**
   * @param jwt the decrypted request
   * @param senderXkey the key that it was sealed with
   * @throws IllegalArgumentException if it is no request, or not that sender's
   */
  static AuthRequest from(String jwt, String senderXkey) {
    return from(NatsJwt.verify(jwt, Nkey.SERVER), senderXkey);
  }

  /**
   * @param claims of a request that is authentic
   * @throws IllegalArgumentException if it is no request, or not that sender's
   */
  static AuthRequest from(JsonNode claims, String senderXkey) {
    JsonNode nats = claims.path("nats");
    JsonNode server = nats.path("server_id");
    if (!AUDIENCE.equals(claims.path("aud").asText())
        || !claims.path("iss").asText().equals(server.path("id").asText())
        || !server.path("xkey").asText().equals(senderXkey)) {
      throw new IllegalArgumentException("not an authorization request of its sender");
    }
    JsonNode client = nats.path("client_info");
    return new AuthRequest(
        server.path("id").asText(),
        senderXkey,
        nats.path("user_nkey").asText(),
        claims.path("exp").asLong(Long.MAX_VALUE) - claims.path("iat").asLong(),
        nats.path("connect_opts").path("auth_token").asText(),
        client.path("kind").asText(),
        client.path("type").asText(),
        client.path("host").asText());
  }

  /** The broker does not look at allowed_connection_types after a callout. */
  boolean isChatClient() {
    return clientKind.equals("Client")
        && (clientType.equals("nats") || clientType.equals("websocket"));
  }

  /** Without the token. */
  @Override
  public String toString() {
    return "%s %s at %s".formatted(clientType, clientKind, clientHost);
  }
}
