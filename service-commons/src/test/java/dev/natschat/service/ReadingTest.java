package dev.natschat.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReadingTest {
  private final Map<String, String> environment = new HashMap<>();
  private final Reading reading = new Reading(environment);

  @Test
  void aValueMayBeAFile(@TempDir Path directory) throws IOException {
    Path file = Files.writeString(directory.resolve("password"), "from-a-file\n");
    environment.put("PASSWORD_FILE", file.toString());

    assertThat(reading.required("PASSWORD")).isEqualTo("from-a-file");
    reading.throwProblems();
  }

  @Test
  void aLogLevelThatLogbackDoesNotKnowIsAProblem() {
    environment.put("LOG_LEVEL", "debug");
    reading.throwProblems();

    environment.put("LOG_LEVEL", "warning");
    assertThatThrownBy(reading::throwProblems)
        .hasMessage("LOG_LEVEL is malformed: expected ERROR, WARN, INFO, DEBUG or TRACE");
  }

  @Test
  void anEmptyFileHoldsNoValue(@TempDir Path directory) throws IOException {
    Path file = Files.writeString(directory.resolve("password"), "\n");
    environment.put("PASSWORD_FILE", file.toString());

    assertThat(reading.optional("PASSWORD")).isNull();
  }

  @Test
  void aFileThatCannotBeReadIsAProblem() {
    environment.put("PASSWORD_FILE", "/nowhere/password");

    reading.required("PASSWORD");

    assertThatThrownBy(reading::throwProblems)
        .hasMessageStartingWith("PASSWORD_FILE names /nowhere/password, which can't be read: ")
        .hasMessageNotContaining("missing");
  }

  @Test
  void aValueAndItsFileAreAProblem() {
    environment.put("PASSWORD", "one");
    environment.put("PASSWORD_FILE", "/nowhere/password");

    reading.required("PASSWORD");

    assertThatThrownBy(reading::throwProblems)
        .hasMessage("PASSWORD and PASSWORD_FILE are both set: expected one of them");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nats://nats:42x22",
        "nats://nats:4222,nats://nats:99999",
        "nats://na[ts",
        "nats://"
      })
  void anAddressThatIsNoneIsAProblem(String url) {
    environment.put("NATS_URL", url);

    reading.natsUrl();

    assertThatThrownBy(reading::throwProblems)
        .hasMessage("NATS_URL is malformed: expected nats://host:port");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"nats://nats:4222", "tls://10.0.0.1,ws://[::1]:80", "nats://chat-nats-1:4222"})
  void anAddressIsRead(String url) {
    environment.put("NATS_URL", url);

    assertThat(reading.natsUrl()).isEqualTo(url);
    reading.throwProblems();
  }

  @Test
  void anEmptyValueIsNone() {
    for (String name : new String[] {"FLAG", "NUMBER", "SIZE", "HEALTH_FILE", "URL", "URL_FILE"}) {
      environment.put(name, "");
    }

    assertThat(reading.flag("FLAG", "on", "off")).isFalse();
    assertThat(reading.between("NUMBER", 1, 9, 5)).isEqualTo(5);
    assertThat(reading.atLeast("SIZE", 1, 5)).isEqualTo(5);
    assertThat(reading.healthFile()).isNull();
    assertThat(reading.optional("URL")).isNull();
    reading.throwProblems();
  }

  @Test
  void everyProblemIsSaidInOneLineWithWhatToDo() {
    environment.put("DATABASE_URL", "postgres://somewhere");
    environment.put("FLAG", "yes");
    environment.put("NUMBER", "many");
    environment.put("SIZE", "0");
    environment.put("SEED", "secret");

    reading.required("USER");
    reading.natsUrl();
    reading.databaseUrl();
    reading.flag("FLAG", "on", "off");
    reading.between("NUMBER", 1, 9, 5);
    reading.atLeast("SIZE", 1, 5);
    reading.parsed("SEED", ReadingTest::noSeed, "");

    assertThatThrownBy(reading::throwProblems)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "USER is missing: set it, or USER_FILE to the path of a file"
                + "; NATS_URL is missing: expected nats://host:port"
                + "; DATABASE_URL is malformed: expected jdbc:postgresql://host:port/database"
                + "; FLAG is malformed: expected on or off"
                + "; NUMBER is malformed: expected a number from 1 to 9"
                + "; SIZE is malformed: expected a number, 1 or more"
                + "; SEED is malformed: expected a seed");
  }

  private static String noSeed(String text) {
    throw new IllegalArgumentException("expected a seed");
  }

  @ParameterizedTest
  @ValueSource(strings = {"nats://one:4222", "tls://one:4222,nats://two:4222", "wss://one"})
  void oneOrSeveralServersAreAnAddress(String url) {
    environment.put("NATS_URL", url);

    assertThat(reading.natsUrl()).isEqualTo(url);
    reading.throwProblems();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "one:4222",
        "http://one:4222",
        "nats://",
        "nats://one:4222,two:4222",
        "nats://me:secret@one:4222"
      })
  void whatIsNoAddressOfNatsIsAProblem(String url) {
    environment.put("NATS_URL", url);

    reading.natsUrl();

    assertThatThrownBy(reading::throwProblems)
        .hasMessage("NATS_URL is malformed: expected nats://host:port");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "jdbc:postgresql://one:5432/chat",
        "jdbc:postgresql://one/chat",
        "jdbc:postgresql://one:1,two:65535/chat?sslmode=require",
        "jdbc:postgresql://[::1]:5432/chat",
        "jdbc:postgresql://[fe80::1%eth0]:5432/chat",
        "jdbc:postgresql://one:5432/half%25chat?applicationName=100%25%C3%BC",
        "jdbc:postgresql://chat_postgres-1:5432/chat"
      })
  void aDatabaseIsRead(String url) {
    environment.put("DATABASE_URL", url);

    assertThat(reading.databaseUrl()).isEqualTo(url);
    reading.throwProblems();
  }

  /** The driver would throw, in words of its own. */
  @ParameterizedTest
  @ValueSource(strings = {"chat%zz", "50%", "%4", "chat?applicationName=100%&sslmode=require"})
  void aPercentSignThatIsNoneIsAProblem(String database) {
    environment.put("DATABASE_URL", "jdbc:postgresql://one:5432/" + database);

    reading.databaseUrl();

    assertThatThrownBy(reading::throwProblems)
        .hasMessage(
            "DATABASE_URL is malformed: expected %25 for each percent sign in a name or value");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "jdbc:postgresql://one:54x32/chat",
        "jdbc:postgresql://one:/chat",
        "jdbc:postgresql://one:0/chat",
        "jdbc:postgresql://one:70000/chat",
        "jdbc:postgresql://one:5432,two:65536/chat",
        "jdbc:postgresql://one,/chat",
        "jdbc:postgresql:///chat",
        "jdbc:postgresql://one:5432",
        "jdbc:postgresql://one:5432/",
        "jdbc:postgresql://me:secret@one:5432/chat",
        "jdbc:postgresql://one:5432/chat?user=me&password=secret",
        "jdbc:mysql://one:3306/chat"
      })
  void whatIsNoDatabaseIsAProblem(String url) {
    environment.put("DATABASE_URL", url);

    reading.databaseUrl();

    assertThatThrownBy(reading::throwProblems)
        .hasMessage("DATABASE_URL is malformed: expected jdbc:postgresql://host:port/database");
  }
}
