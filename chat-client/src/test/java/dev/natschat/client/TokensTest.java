package dev.natschat.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.natschat.client.ChatException.Kind;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TokensTest {
  private final TokenEndpoint keycloak = new TokenEndpoint();

  TokensTest() throws IOException {}

  @AfterEach
  void stop() {
    keycloak.close();
  }

  @Test
  void asksByTheDirectAccessGrant() {
    tokens(TokenEndpoint.PASSWORD).get();
    assertThat(keycloak.requests.get(0).split("&"))
        .containsExactlyInAnyOrder(
            "grant_type=password",
            "client_id=nats-chat-app",
            "username=Alice",
            "password=a%26b%3Dc");
  }

  @Test
  void theNameIsKeycloaksSpelling() {
    assertThat(tokens(TokenEndpoint.PASSWORD).userName()).isEqualTo("alice");
  }

  @Test
  void aTokenIsUsedUntilItExpires() {
    Tokens tokens = tokens(TokenEndpoint.PASSWORD);
    tokens.get();
    tokens.get();
    assertThat(keycloak.requests).hasSize(1);
  }

  @Test
  void anExpiringTokenIsRenewed() {
    keycloak.expiresIn = 1;
    Tokens tokens = tokens(TokenEndpoint.PASSWORD);
    tokens.get();
    tokens.get();
    assertThat(keycloak.requests).hasSize(2);
  }

  @Test
  void aWrongPasswordIsARefusal() {
    assertThatThrownBy(() -> tokens("guessed").get())
        .isInstanceOfSatisfying(
            ChatException.class, e -> assertThat(e.kind()).isEqualTo(Kind.REFUSED))
        .hasMessageContainingAll("Alice", "Invalid user credentials")
        .hasMessageNotContaining("guessed");
  }

  @Test
  void aServerThatIsNotWellIsNoRefusal() {
    keycloak.status = 503;
    assertThatThrownBy(() -> tokens(TokenEndpoint.PASSWORD).get())
        .isInstanceOfSatisfying(
            ChatException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE))
        .hasMessageContaining("503");
  }

  @Test
  void whatAnswersWithoutJsonIsNoKeycloak() {
    keycloak.status = 401;
    assertThatThrownBy(() -> tokens(TokenEndpoint.PASSWORD).get())
        .isInstanceOfSatisfying(
            ChatException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE))
        .hasMessageContaining("is not Keycloak");
  }

  @Test
  void aServerThatIsNotThereIsSaidWithWhatToDo() {
    keycloak.close();
    assertThatThrownBy(() -> tokens(TokenEndpoint.PASSWORD).get())
        .isInstanceOfSatisfying(
            ChatException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE))
        .hasMessageContaining("make up");
  }

  private Tokens tokens(String password) {
    return new Tokens(keycloak.servers("nats://127.0.0.1:1"), "Alice", password);
  }
}
