package dev.natschat.systemtests;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;
import java.util.stream.Collectors;

/** The telemetry back ends' own HTTP APIs, as Grafana uses them. */
final class BackEnds {
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private BackEnds() {}

  static JsonNode prometheus(String path, Map<String, String> parameters) {
    return get(Chat.ADDRESSES.prometheus(), path, parameters);
  }

  static JsonNode loki(String path, Map<String, String> parameters) {
    return get(Chat.ADDRESSES.loki(), path, parameters);
  }

  static JsonNode tempo(String path, Map<String, String> parameters) {
    return get(Chat.ADDRESSES.tempo(), path, parameters);
  }

  /** The answer; an error of the server fails the test with the server's own words. */
  private static JsonNode get(URI server, String path, Map<String, String> parameters) {
    String query =
        parameters.entrySet().stream()
            .map(p -> p.getKey() + "=" + URLEncoder.encode(p.getValue(), UTF_8))
            .collect(Collectors.joining("&"));
    try {
      return Chat.JSON.readTree(text(server, path + "?" + query));
    } catch (IOException e) {
      throw new IllegalStateException(server + " does not answer in JSON", e);
    }
  }

  /** The answer as it is. */
  static String text(URI server, String path) {
    try {
      HttpResponse<String> answer =
          HTTP.send(
              HttpRequest.newBuilder(URI.create(server + path)).build(), BodyHandlers.ofString());
      if (answer.statusCode() != 200) {
        throw new IllegalStateException(
            "%s%s: HTTP %d %s".formatted(server, path, answer.statusCode(), answer.body().strip()));
      }
      return answer.body();
    } catch (IOException e) {
      throw new IllegalStateException(server + " does not answer", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
