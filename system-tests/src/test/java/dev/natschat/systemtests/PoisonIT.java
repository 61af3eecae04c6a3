package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.eventually;
import static dev.natschat.systemtests.Telemetry.metric;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What can never be a row is set aside, counted, and stops nobody. */
class PoisonIT {
  private static final String ERRORS = "sum(messages_persist_errors_total)";

  @Test
  void eachKindOfPoisonIsADeadLetterAndGoodMessagesFlow() throws Exception {
    Map<String, byte[]> poison = new LinkedHashMap<>();
    poison.put("no JSON", "hello".getBytes(UTF_8));
    poison.put("empty", new byte[0]);
    poison.put("binary", new byte[] {0, (byte) 0xff, (byte) 0xfe, 7});
    poison.put("no object", "[1,2]".getBytes(UTF_8));
    poison.put("no user", "{\"text\":\"t\"}".getBytes(UTF_8));
    poison.put("text is a number", "{\"user\":\"u\",\"text\":1}".getBytes(UTF_8));
    poison.put(
        "timestamp is text",
        "{\"user\":\"u\",\"text\":\"t\",\"timestamp\":\"now\"}".getBytes(UTF_8));
    poison.put("NUL", "{\"user\":\"u\",\"text\":\"a\\u0000b\"}".getBytes(UTF_8));
    poison.put(
        "user too long",
        "{\"user\":\"%s\",\"text\":\"t\"}".formatted("u".repeat(256)).getBytes(UTF_8));
    poison.put(
        "text too long",
        "{\"user\":\"u\",\"text\":\"%s\"}".formatted("t".repeat(17_000)).getBytes(UTF_8));
    poison.put("almost 1 MB", "x".repeat(1_000_000).getBytes(UTF_8));
    String room = Chat.newRoom();
    double before = metric(ERRORS);

    try (Chat alice = Chat.as("alice")) {
      alice.say(room, "before");
      for (byte[] body : poison.values()) {
        alice.nats.jetStream().publish("chat." + room, body);
      }
      alice.say(room, "after");

      eventually().until(() -> Table.rows(room) == 2);
      assertThat(alice.history(room)).containsExactly("before", "after");
    }
    eventually()
        .untilAsserted(() -> assertThat(Table.deadLetters("chat." + room)).hasSize(poison.size()));
    eventually()
        .untilAsserted(
            () -> assertThat(metric(ERRORS)).isGreaterThanOrEqualTo(before + poison.size()));
  }

  @Test
  void theRoomOfTheSubjectCountsWhateverTheBodySays() throws Exception {
    String room = Chat.newRoom();
    String other = Chat.newRoom();
    try (Chat bob = Chat.as("bob")) {
      bob.nats.jetStream().publish("chat." + room, bob.message(other, "hello"));

      eventually().until(() -> Table.rows(room) == 1);
      assertThat(Table.rows(other)).isZero();
      assertThat(bob.history(room)).containsExactly("hello");
    }
  }
}
