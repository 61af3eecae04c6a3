package dev.natschat.telemetry;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** JSON over HTTP from one back end, with errors that a person can act on. Thread-safe. */
final class HttpJson {
  /** What is wrong with a server that says nothing. */
  static final String SILENT = "does not answer";

  static final ObjectMapper JSON = new ObjectMapper();

  /** For a query of days; whether a server is well it says at once, or is not. */
  private static final Duration QUERY = Duration.ofSeconds(30);

  private static final Duration PROBE = Duration.ofSeconds(5);
  private static final HttpClient CLIENT =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(2))
          .build();

  private final String name;
  private final URI base;

  HttpJson(String name, URI base) {
    this.name = name;
    this.base = base;
  }

  /** The server's name and address, as messages show it. */
  @Override
  public String toString() {
    return name + " at " + base;
  }

  /**
   * The answer to a GET, or nothing when the server says 404.
   *
   * @throws BackendException when it does not answer, answers with another error, or not with JSON
   */
  Optional<JsonNode> get(String path, Map<String, String> parameters) {
    HttpResponse<String> response = send(path, parameters, QUERY);
    if (response.statusCode() == 404) {
      return Optional.empty();
    }
    if (response.statusCode() != 200) {
      throw new BackendException(
          "%s refused %s: HTTP %d %s"
              .formatted(this, path, response.statusCode(), firstLine(response.body())),
          null);
    }
    try {
      return Optional.of(JSON.readTree(response.body()));
    } catch (JsonProcessingException e) {
      throw new BackendException(
          "%s did not answer with JSON to %s: is it another server?".formatted(this, path), e);
    }
  }

  /**
   * What is wrong with the server when asked for this path; nothing when it answers below HTTP 300.
   */
  Optional<String> problem(String path) {
    try {
      int status = send(path, Map.of(), PROBE).statusCode();
      return status < 300 ? Optional.empty() : Optional.of("answers HTTP " + status);
    } catch (BackendException e) {
      return Optional.of(SILENT);
    }
  }

  private HttpResponse<String> send(String path, Map<String, String> parameters, Duration timeout) {
    String query =
        parameters.entrySet().stream()
            .map(p -> p.getKey() + "=" + URLEncoder.encode(p.getValue(), UTF_8).replace("+", "%20"))
            .collect(Collectors.joining("&"));
    URI uri = URI.create(base + path + (query.isEmpty() ? "" : "?" + query));
    HttpRequest request =
        HttpRequest.newBuilder(uri).timeout(timeout).header("Accept", "application/json").build();
    try {
      return CLIENT.send(request, BodyHandlers.ofString());
    } catch (IOException e) {
      throw new BackendException(
          "%s does not answer: is the system up? (make up)".formatted(this), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BackendException("interrupted while asking " + this, e);
    }
  }

  private static String firstLine(String text) {
    return text.lines().findFirst().orElse("");
  }
}
