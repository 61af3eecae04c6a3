package dev.natschat.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.security.SecureRandom;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ConfigTest {
  private final Map<String, String> environment = new HashMap<>();
  private final String issuerSeed = Nkey.ACCOUNT.newSeed(new SecureRandom());
  private final String xkeySeed = Nkey.CURVE.newSeed(new SecureRandom());

  ConfigTest() {
    environment.put("NATS_URL", "nats://broker:4222");
    environment.put("NATS_USER", "auth");
    environment.put("NATS_PASS", "opensesame");
    environment.put("KEYCLOAK_URL", "http://keycloak:8080/");
    environment.put("KEYCLOAK_REALM", "nats-chat");
    environment.put("ISSUER_NKEY_SEED", issuerSeed);
    environment.put("XKEY_SEED", xkeySeed);
  }

  @Test
  void defaultsAreDerivedFromKeycloaksUrl() {
    Config config = Config.from(environment);

    assertThat(config.jwksUrl())
        .hasToString("http://keycloak:8080/realms/nats-chat/protocol/openid-connect/certs");
    assertThat(config.issuer()).isEqualTo("http://keycloak:8080/realms/nats-chat");
    assertThat(config.grants()).isEqualTo(Grants.NONE);
    assertThat(config.healthFile()).isNull();
  }

  @Test
  void theIssuerMayHaveAnotherAddress() {
    environment.put("KEYCLOAK_ISSUER_URL", "https://login.example.com/realms/nats-chat");

    assertThat(Config.from(environment).issuer())
        .isEqualTo("https://login.example.com/realms/nats-chat");
  }

  @Test
  void anEmptyValueIsNone() {
    environment.put("LEGACY_INBOX", "");
    environment.put("BROKER_HOPS", "");
    environment.put("KEYCLOAK_ISSUER_URL", "");
    environment.put("HEALTH_FILE", "");

    Config config = Config.from(environment);

    assertThat(config.grants()).isEqualTo(Grants.NONE);
    assertThat(config.issuer()).isEqualTo("http://keycloak:8080/realms/nats-chat");
    assertThat(config.healthFile()).isNull();
  }

  @Test
  void everyProblemIsNamedInOneLine() {
    assertThatThrownBy(
            () ->
                Config.from(
                    Map.of(
                        "LEGACY_INBOX",
                        "yes",
                        "BROKER_HOPS",
                        "yes",
                        "XKEY_SEED_FILE",
                        "none/such")))
        .hasMessageNotContaining("\n")
        .hasMessageContainingAll(
            "NATS_URL",
            "NATS_USER",
            "NATS_PASS",
            "KEYCLOAK_URL",
            "KEYCLOAK_REALM",
            "ISSUER_NKEY_SEED",
            "XKEY_SEED_FILE",
            "LEGACY_INBOX",
            "BROKER_HOPS");
  }

  @Test
  void aSeedOfTheWrongKindIsNamedButNotShown() {
    environment.put("ISSUER_NKEY_SEED", xkeySeed);

    assertThatThrownBy(() -> Config.from(environment))
        .hasMessageContaining("ISSUER_NKEY_SEED")
        .hasMessageNotContaining(xkeySeed);
  }

  @Test
  void anIssuerOfAnotherRealmIsAProblem() {
    environment.put("KEYCLOAK_ISSUER_URL", "http://keycloak:8080");

    assertThatThrownBy(() -> Config.from(environment)).hasMessageContaining("KEYCLOAK_ISSUER_URL");
  }

  @Test
  void aUrlThatIsNoneIsAProblem() {
    environment.put("KEYCLOAK_URL", "keycloak:8080");

    assertThatThrownBy(() -> Config.from(environment)).hasMessageContaining("KEYCLOAK_URL");
  }

  @Test
  void secretsAreNotPrinted() {
    assertThat(Config.from(environment).toString())
        .contains("nats://broker:4222")
        .doesNotContain("opensesame", issuerSeed, xkeySeed);
  }
}
