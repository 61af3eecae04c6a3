package dev.natschat.client;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** What of Keycloak the client sees: tokens for alice, whose password is a&b=c, and errors. */
final class TokenEndpoint implements AutoCloseable {
  static final String PASSWORD = "a&b=c";

  /** The bodies of the requests. */
  final List<String> requests = new CopyOnWriteArrayList<>();

  volatile int expiresIn = 300;
  volatile int status = 200;

  private final HttpServer server;

  TokenEndpoint() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/realms/test/protocol/openid-connect/token", this::answer);
    server.start();
  }

  Servers servers(String natsUrl) {
    Servers servers = new Servers();
    servers.natsUrl = natsUrl;
    servers.keycloakUrl = url();
    servers.realm = "test";
    servers.clientId = "nats-chat-app";
    return servers;
  }

  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  @Override
  public void close() {
    server.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    String body = new String(exchange.getRequestBody().readAllBytes(), UTF_8);
    requests.add(body);
    if (status != 200) {
      respond(exchange, status, "out of order");
    } else if (body.contains("password=a%26b%3Dc") && body.contains("username=Alice")) {
      String claims =
          Base64.getUrlEncoder()
              .encodeToString("{\"preferred_username\":\"alice\"}".getBytes(UTF_8));
      respond(
          exchange,
          200,
          "{\"access_token\":\"header.%s.signature\",\"expires_in\":%d}"
              .formatted(claims, expiresIn));
    } else {
      respond(
          exchange,
          401,
          "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid user credentials\"}");
    }
  }

  private static void respond(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }
}
