package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Opens what brokers seal. Nobody but the holder of a private xkey seals with it, so a server's
 * signature, the dearest part of a request to check, is checked once: when it says that this xkey
 * is this server's. Safe for use by many threads.
 */
final class Requests {
  private static final int MAX_SERVERS = 100;

  private final Xkey xkey;

  /** Servers' ids, by the xkey that they signed for. */
  private final Map<String, String> servers = new ConcurrentHashMap<>();

  Requests(Xkey xkey) {
    this.xkey = xkey;
  }

  /**
   * @param sender the xkey that the box was sealed with
   * @throws IllegalArgumentException if it is no box of the sender's, or no request of a server
   *     whose xkey that is
   */
  AuthRequest open(byte[] box, String sender) {
    String jwt = new String(xkey.open(box, sender), US_ASCII);
    String known = servers.get(sender);
    if (known != null) {
      JsonNode claims = NatsJwt.read(jwt);
      if (known.equals(claims.path("iss").asText())) {
        return AuthRequest.from(claims, sender);
      }
    }
    AuthRequest request = AuthRequest.from(jwt, sender);
    if (servers.size() >= MAX_SERVERS) {
      servers.clear();
    }
    servers.put(sender, request.serverId());
    return request;
  }
}
