package dev.natschat.systemtests;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Whoever is on duty: Prometheus sends its alerts here as to an Alertmanager (POST /api/v2/alerts)
 * while this is open.
 */
final class AlertReceiver implements AutoCloseable {
  private final HttpServer server;
  private final Path targets;
  private final String nobody;
  private final List<JsonNode> alerts = new CopyOnWriteArrayList<>();

  /**
   * @param targets the file in which Prometheus finds where to send alerts
   */
  AlertReceiver(Path targets) throws IOException {
    this.targets = targets;
    this.nobody = Files.readString(targets);
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/api/v2/alerts", this::receive);
    server.start();
    Files.writeString(targets, "- targets: [\"127.0.0.1:%d\"]\n".formatted(port()));
  }

  private int port() {
    return server.getAddress().getPort();
  }

  private void receive(HttpExchange exchange) throws IOException {
    Chat.JSON.readTree(exchange.getRequestBody()).forEach(alerts::add);
    exchange.sendResponseHeaders(200, -1);
    exchange.close();
  }

  /** What has come, oldest first: each with labels, annotations, startsAt and generatorURL. */
  List<JsonNode> alerts() {
    return alerts;
  }

  @Override
  public void close() throws IOException {
    Files.writeString(targets, nobody);
    server.stop(0);
  }
}
