package dev.natschat.auth;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateSecretsTest {
  private final Path temp;

  GenerateSecretsTest(@TempDir Path temp) {
    this.temp = temp;
  }

  @Test
  void makesEveryFileForItsOwnerOnly() throws IOException {
    Path secrets = temp.resolve("run/secrets");

    GenerateSecrets.into(secrets);

    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(secrets)))
        .isEqualTo("rwx------");
    assertThat(contents(secrets))
        .containsOnlyKeys(
            "issuer-nkey-seed",
            "xkey-seed",
            "nats-auth-password",
            "nats-persist-worker-password",
            "nats-history-service-password",
            "nats-broker-observer-password",
            "postgres-password",
            "postgres-persist-worker-password",
            "postgres-history-service-password",
            "grafana-admin-password",
            "keycloak-admin-password",
            "nats-secrets.conf",
            "nats-hops-secrets.conf",
            "keycloak.conf",
            "postgres-roles.sql");
    try (Stream<Path> files = Files.list(secrets)) {
      assertThat(files)
          .allSatisfy(
              file ->
                  assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                      .isEqualTo("rw-------"));
    }
  }

  @Test
  void aSecondRunChangesNothing() throws IOException {
    GenerateSecrets.into(temp);
    Map<String, String> first = contents(temp);

    GenerateSecrets.into(temp);

    assertThat(contents(temp)).isEqualTo(first);
  }

  @Test
  void aMissingSecretIsMadeAndRenderedAgain() throws IOException {
    GenerateSecrets.into(temp);
    Map<String, String> first = contents(temp);
    Files.delete(temp.resolve("nats-auth-password"));

    GenerateSecrets.into(temp);

    Map<String, String> second = contents(temp);
    String password = second.get("nats-auth-password");
    assertThat(password).isNotNull().isNotEqualTo(first.get("nats-auth-password"));
    assertThat(second.get("nats-secrets.conf")).contains("AUTH_PASSWORD: \"" + password + "\"\n");
    assertThat(second.get("postgres-roles.sql")).isEqualTo(first.get("postgres-roles.sql"));
  }

  private static Map<String, String> contents(Path directory) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        contents.put(file.getFileName().toString(), Files.readString(file));
      }
    }
    return contents;
  }
}
