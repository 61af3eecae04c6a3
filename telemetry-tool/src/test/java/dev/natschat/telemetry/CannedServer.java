package dev.natschat.telemetry;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Answers GETs with texts in the shape that a back end documents; 404 for all else. The system
 * tests ask the real ones.
 */
final class CannedServer implements AutoCloseable {
  final CopyOnWriteArrayList<String> queries = new CopyOnWriteArrayList<>();
  private final Map<String, String> answers = new ConcurrentHashMap<>();
  private final HttpServer server;

  CannedServer() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    server.createContext(
        "/",
        exchange -> {
          String path = exchange.getRequestURI().getPath();
          String query = String.valueOf(exchange.getRequestURI().getQuery());
          queries.add(query);
          String answer =
              answers.entrySet().stream()
                  .filter(each -> each.getKey().startsWith(path + "?"))
                  .filter(each -> query.contains(each.getKey().substring(path.length() + 1)))
                  .map(Map.Entry::getValue)
                  .findFirst()
                  .orElse(answers.get(path));
          byte[] body = (answer == null ? "not found" : answer).getBytes(UTF_8);
          exchange.sendResponseHeaders(answer == null ? 404 : 200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    server.start();
  }

  CannedServer answers(String path, String text) {
    answers.put(path, text);
    return this;
  }

  /** Answers a GET whose query has this part. */
  CannedServer answersTo(String path, String part, String text) {
    return answers(path + "?" + part, text);
  }

  URI address() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** Addresses that all lead here, but those of what speaks no HTTP, to nobody. */
  Addresses addresses() {
    return addresses(address(), URI.create("postgresql://127.0.0.1:1"));
  }

  Addresses addresses(URI keycloak, URI postgres) {
    return addresses(address(), address(), keycloak, postgres);
  }

  Addresses addresses(URI natsMonitor) {
    return addresses(address(), natsMonitor, address(), URI.create("postgresql://127.0.0.1:1"));
  }

  Addresses addressesWithPrometheus(URI prometheus) {
    return addresses(prometheus, address(), address(), URI.create("postgresql://127.0.0.1:1"));
  }

  private Addresses addresses(URI prometheus, URI natsMonitor, URI keycloak, URI postgres) {
    return new Addresses(
        address(),
        address(),
        address(),
        prometheus,
        address(),
        URI.create("nats://127.0.0.1:1"),
        natsMonitor,
        keycloak,
        postgres,
        address());
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
