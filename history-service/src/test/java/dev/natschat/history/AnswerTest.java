package dev.natschat.history;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class AnswerTest {
  private static final ChatMessage OLD = new ChatMessage("bob", "old", 1, "r");
  private static final ChatMessage NEW = new ChatMessage("alice", "new", 2, "r");
  private static final String OLD_JSON =
      "{\"user\":\"bob\",\"text\":\"old\",\"timestamp\":1,\"room\":\"r\"}";
  private static final String NEW_JSON =
      "{\"user\":\"alice\",\"text\":\"new\",\"timestamp\":2,\"room\":\"r\"}";

  @Test
  void oldestComesFirst() {
    assertThat(answer(Long.MAX_VALUE, NEW, OLD)).isEqualTo("[" + OLD_JSON + "," + NEW_JSON + "]");
  }

  @Test
  void noMessagesAreAnEmptyArray() {
    assertThat(answer(Long.MAX_VALUE)).isEqualTo("[]");
  }

  @Test
  void whatFitsToTheByteIsSent() {
    int size = ("[" + OLD_JSON + "," + NEW_JSON + "]").length();
    assertThat(answer(size, NEW, OLD)).hasSize(size);
  }

  @Test
  void theOldestMessageGivesWay() {
    int size = ("[" + OLD_JSON + "," + NEW_JSON + "]").length();
    assertThat(answer(size - 1, NEW, OLD)).isEqualTo("[" + NEW_JSON + "]");
  }

  @Test
  void nothingFits() {
    assertThat(answer(10, NEW, OLD)).isEqualTo("[]");
  }

  @Test
  void escapesAreThoseOfGo() {
    String raw = "<b>&\u2028\u2029\"\\\n\r\t\b\f\u0001\u001f\u007f/é漢😀";
    String escaped =
        "\\u003cb\\u003e\\u0026\\u2028\\u2029\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\u007f/é漢😀";
    assertThat(answer(Long.MAX_VALUE, new ChatMessage("u", raw, 1, "r")))
        .isEqualTo(
            "[{\"user\":\"u\",\"text\":\"" + escaped + "\",\"timestamp\":1,\"room\":\"r\"}]");
  }

  private static String answer(long maxBytes, ChatMessage... newestFirst) {
    return new String(Answer.of(List.of(newestFirst), maxBytes), UTF_8);
  }
}
