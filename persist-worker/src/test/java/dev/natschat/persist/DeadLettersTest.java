package dev.natschat.persist;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeadLettersTest {
  private final StringWriter err = new StringWriter();

  @Test
  void aPasswordFileThatIsNotThereSaysWhatMakesIt(@TempDir Path directory) {
    Path missing = directory.resolve("password");

    assertThat(list(missing)).isEqualTo(1);
    assertThat(err.toString().strip())
        .isEqualTo(
            "dead-letters: cannot read DATABASE_PASSWORD_FILE "
                + missing
                + ": is the system up? `make up` makes it");
  }

  @Test
  void aPasswordFileThatIsNoFileSaysSo(@TempDir Path directory) {
    assertThat(list(directory)).isEqualTo(1);
    assertThat(err.toString()).startsWith("dead-letters: cannot read DATABASE_PASSWORD_FILE: ");
  }

  private int list(Path passwordFile) {
    Map<String, String> environment =
        Map.of(
            "DATABASE_URL", "jdbc:postgresql://127.0.0.1:1/chat",
            "DATABASE_USER", "persist_worker",
            "DATABASE_PASSWORD_FILE", passwordFile.toString());
    return DeadLetters.commandLine(environment).setErr(new PrintWriter(err, true)).execute("list");
  }
}
