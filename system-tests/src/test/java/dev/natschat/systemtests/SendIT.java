package dev.natschat.systemtests;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What somebody types reaches the room as it was typed. */
class SendIT {
  private static final Path CHECKOUT = Path.of(System.getProperty("checkout", "."));

  /** As in cron, in a container, or by ssh. */
  @Test
  void alsoWhereNoLocaleIsSet() throws Exception {
    String room = Chat.newRoom();
    String text = "na\u00efve \u4f60\u597d \ud83d\ude80";
    ProcessBuilder client =
        new ProcessBuilder(
                "env", "-u", "LANG", "LC_ALL=POSIX", "bash", "-c", typed(text), "bash", room)
            .directory(CHECKOUT.toFile())
            .inheritIO();
    assertThat(client.start().waitFor()).isZero();

    try (Chat alice = Chat.as("alice")) {
      Telemetry.eventually()
          .untilAsserted(() -> assertThat(alice.history(room)).containsExactly(text));
    }
  }

  /** In ASCII, for the JVM of this test may itself have no locale. */
  private static String typed(String text) {
    StringBuilder bytes = new StringBuilder();
    for (byte each : text.getBytes(UTF_8)) {
      bytes.append("\\x%02x".formatted(each));
    }
    return "chat-client/run send \"$1\" $'" + bytes + "'";
  }
}
