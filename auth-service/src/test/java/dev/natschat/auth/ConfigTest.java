package dev.natschat.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
  void aSecretMayStandInAFile(@TempDir Path temp) throws IOException {
    environment.remove("NATS_PASS");
    environment.put(
        "NATS_PASS_FILE", Files.writeString(temp.resolve("password"), "from-file\n").toString());

    assertThat(Config.from(environment).natsPassword()).isEqualTo("from-file");
  }

  @Test
  void aValueAndItsFileAreAProblem() {
    environment.put("NATS_PASS_FILE", "/nowhere/password");

    assertThatThrownBy(() -> Config.from(environment))
        .hasMessage("NATS_PASS and NATS_PASS_FILE are both set: expected one of them");
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
  void whatIsMissingIsSaidWithWhatToDo() {
    environment.remove("XKEY_SEED");

    assertThatThrownBy(() -> Config.from(environment))
        .hasMessage("XKEY_SEED is missing: set it, or XKEY_SEED_FILE to the path of a file");
  }

  @Test
  void severalServersMayBeNamed() {
    environment.put("NATS_URL", "nats://one:4222,tls://two:4222");

    assertThat(Config.from(environment).natsUrl()).isEqualTo("nats://one:4222,tls://two:4222");
  }

  @Test
  void anAddressOfNatsThatIsNoneIsAProblem() {
    environment.put("NATS_URL", "broker:4222");

    assertThatThrownBy(() -> Config.from(environment))
        .hasMessage("NATS_URL is malformed: expected nats://host:port");
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
