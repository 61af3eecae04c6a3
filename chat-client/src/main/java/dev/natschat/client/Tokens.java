package dev.natschat.client;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.natschat.client.ChatException.Kind;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One user's access tokens from Keycloak, by the direct access grant. A token is used until shortly
 * before it expires. Safe for use by many threads.
 */
final class Tokens {
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final Duration RENEW_BEFORE = Duration.ofSeconds(10);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient http = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
  private final URI endpoint;
  private final String form;
  private final String user;
  private @Nullable String token;
  private Instant renewal = Instant.MIN;

  Tokens(Servers servers, String user, String password) {
    this.user = user;
    endpoint = servers.tokenEndpoint();
    form =
        form(
            Map.of(
                "grant_type",
                "password",
                "client_id",
                servers.clientId(),
                "username",
                user,
                "password",
                password));
  }

  /**
   * A token that does not expire in the next seconds.
   *
   * @throws ChatException when Keycloak refuses the user, or cannot be reached
   */
  synchronized String get() {
    if (token == null || Instant.now().isAfter(renewal)) {
      JsonNode grant = fetch();
      token = grant.path("access_token").asText();
      renewal = Instant.now().plusSeconds(grant.path("expires_in").asLong()).minus(RENEW_BEFORE);
    }
    return token;
  }

  /** The user's name as the chat knows it: Keycloak's spelling of what was typed. */
  String userName() {
    String[] parts = get().split("\\.", -1);
    try {
      return JSON.readTree(Base64.getUrlDecoder().decode(parts[1]))
          .path("preferred_username")
          .asText(user);
    } catch (IOException | IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
      throw new ChatException(Kind.UNAVAILABLE, endpoint + " sent no JSON web token", e);
    }
  }

  private JsonNode fetch() {
    HttpRequest request =
        HttpRequest.newBuilder(endpoint)
            .timeout(TIMEOUT)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString(form))
            .build();
    try {
      HttpResponse<String> response = http.send(request, BodyHandlers.ofString());
      return switch (response.statusCode()) {
        case 200 -> JSON.readTree(response.body());
        case 400, 401 -> throw refused(response.body());
        default ->
            throw new ChatException(
                Kind.UNAVAILABLE,
                "Keycloak answers with status %d at %s: do the address and the realm's name fit?"
                    .formatted(response.statusCode(), endpoint));
      };
    } catch (JsonProcessingException e) {
      throw new ChatException(
          Kind.UNAVAILABLE,
          "What answers at " + endpoint + " is not Keycloak, for it sends no JSON",
          e);
    } catch (IOException e) {
      throw new ChatException(
          Kind.UNAVAILABLE,
          "Keycloak does not answer at " + endpoint + ": is the system up? `make up` starts it",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ChatException(Kind.FAILED, "interrupted while logging in", e);
    }
  }

  private ChatException refused(String body) throws IOException {
    String reason = JSON.readTree(body).path("error_description").asText("no reason given");
    return new ChatException(Kind.REFUSED, "Keycloak refuses " + user + ": " + reason);
  }

  private static String form(Map<String, String> fields) {
    return fields.entrySet().stream()
        .map(field -> field.getKey() + "=" + URLEncoder.encode(field.getValue(), UTF_8))
        .collect(joining("&"));
  }
}
