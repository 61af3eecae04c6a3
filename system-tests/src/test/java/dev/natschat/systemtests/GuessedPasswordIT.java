package dev.natschat.systemtests;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Keycloak against somebody who guesses, with a user of the test's own. A realm that is older than
 * this test lacks it: Keycloak imports the file only where it knows no such realm (make clean).
 */
class GuessedPasswordIT {
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final int GUESSES = 30;

  private final String user = "guessed-" + UUID.randomUUID();
  private String administrator = "";
  private String userPath = "";

  @BeforeEach
  void makeUser() throws Exception {
    Path secret =
        Path.of(System.getProperty("checkout", ".."), ".run", "secrets", "keycloak-admin-password");
    administrator =
        Chat.JSON
            .readTree(
                grant("master", "admin-cli", "admin", Files.readString(secret).strip()).body())
            .path("access_token")
            .asText();
    String json =
        """
        {"username":"%1$s","enabled":true,"email":"%1$s@example.com","firstName":"A","lastName":"B",
         "credentials":[{"type":"password","value":"right"}]}"""
            .formatted(user);
    HttpResponse<String> made =
        HTTP.send(
            administrate("/admin/realms/nats-chat/users")
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(json))
                .build(),
            BodyHandlers.ofString());
    assertThat(made.statusCode()).as(made.body()).isEqualTo(201);
    userPath = URI.create(made.headers().firstValue("Location").orElseThrow()).getPath();
  }

  @AfterEach
  void removeUser() throws Exception {
    HTTP.send(administrate(userPath).DELETE().build(), BodyHandlers.discarding());
  }

  @Test
  void whoIsGuessedAtIsLockedOutForAWhile() throws Exception {
    for (int i = 1; i < GUESSES; i++) {
      assertThat(logIn("wrong").statusCode()).isNotEqualTo(200);
    }
    assertThat(logIn("right").statusCode()).as("after one guess less").isEqualTo(200);
    for (int i = 0; i < GUESSES; i++) {
      logIn("wrong");
    }
    assertThat(logIn("right").statusCode()).isNotEqualTo(200);
  }

  /** Keycloak's protection lets one login of a user in at a time, unless it is told otherwise. */
  @Test
  void whoLogsInManyTimesAtOnceIsLetIn() {
    List<CompletableFuture<HttpResponse<String>>> logins =
        Stream.generate(
                () ->
                    HTTP.sendAsync(
                        login("nats-chat", "nats-chat-app", user, "right"),
                        BodyHandlers.ofString()))
            .limit(16)
            .toList();
    assertThat(logins).allMatch(login -> login.join().statusCode() == 200);
  }

  private HttpResponse<String> logIn(String password) throws Exception {
    return grant("nats-chat", "nats-chat-app", user, password);
  }

  private static HttpResponse<String> grant(
      String realm, String client, String user, String password) throws Exception {
    return HTTP.send(login(realm, client, user, password), BodyHandlers.ofString());
  }

  private static HttpRequest login(String realm, String client, String user, String password) {
    String form =
        "grant_type=password&client_id=%s&username=%s&password=%s"
            .formatted(client, user, URLEncoder.encode(password, UTF_8));
    return HttpRequest.newBuilder(address("/realms/" + realm + "/protocol/openid-connect/token"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .POST(BodyPublishers.ofString(form))
        .build();
  }

  private HttpRequest.Builder administrate(String path) {
    return HttpRequest.newBuilder(address(path)).header("Authorization", "Bearer " + administrator);
  }

  private static URI address(String path) {
    return URI.create(Chat.ADDRESSES.keycloak() + path);
  }
}
