package dev.natschat.client;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.URLEncoder;
import java.util.Map;
import java.util.Optional;

/** Where a trace can be looked at: in Grafana if it answers, else in Zipkin if that answers. */
final class TraceAddress {
  private static final int TIMEOUT_MILLIS = 500;

  /** What Grafana's Explore keeps in its address; the data source is the one provisioned. */
  private static final String PANES =
      """
      {"trace":{"datasource":"tempo","queries":[{"refId":"A","datasource":{"type":"tempo","uid":"tempo"},\
      "queryType":"traceql","query":"%s"}],"range":{"from":"now-1h","to":"now"}}}""";

  private TraceAddress() {}

  static Optional<String> of(String traceId, Map<String, String> environment) {
    String grafana = environment.getOrDefault("GRAFANA_URL", "http://localhost:3001");
    if (answers(grafana)) {
      String panes = URLEncoder.encode(PANES.formatted(traceId), UTF_8);
      return Optional.of(grafana + "/explore?schemaVersion=1&orgId=1&panes=" + panes);
    }
    String zipkin = environment.getOrDefault("ZIPKIN_URL", "http://localhost:9411");
    return answers(zipkin) ? Optional.of(zipkin + "/zipkin/traces/" + traceId) : Optional.empty();
  }

  private static boolean answers(String url) {
    URI address = URI.create(url);
    int port = address.getPort() >= 0 ? address.getPort() : 80;
    // No HTTP request: the agent would make a trace of it.
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(address.getHost(), port), TIMEOUT_MILLIS);
      return true;
    } catch (IOException e) {
      return false;
    }
  }
}
