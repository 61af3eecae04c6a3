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
          queries.add(String.valueOf(exchange.getRequestURI().getQuery()));
          String answer = answers.get(exchange.getRequestURI().getPath());
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

  URI address() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** Addresses that all lead here. */
  Addresses addresses() {
    return new Addresses(
        address(), address(), address(), address(), address(), address(), address(), address());
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
