package dev.natschat.history;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Random;
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

  /** Strings of every kind of character, each of which any JSON parser reads as what it was. */
  @Test
  void whatIsWrittenIsRead() throws Exception {
    Random random = new Random(5);
    String kinds = "a<>&\"\\\n\u0000\u001f\u007f\u0080é\u07ff\u2027\u2028\u2029\u202a漢\uffff";
    for (int round = 0; round < 500; round++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(40); i > 0; i--) {
        int kind = random.nextInt(kinds.length() + 1);
        text.append(kind == kinds.length() ? "😀" : kinds.substring(kind, kind + 1));
      }
      String raw = text.toString();
      String json = answer(Long.MAX_VALUE, new ChatMessage(raw, raw, -round, raw), OLD);

      JsonNode read = new ObjectMapper().readTree(json);

      assertThat(read).hasSize(2);
      for (String field : List.of("user", "text", "room")) {
        assertThat(read.get(1).get(field).textValue()).isEqualTo(raw);
      }
      assertThat(read.get(1).get("timestamp").longValue()).isEqualTo(-round);
      assertThat(json).doesNotContain("<", ">", "&", "\u2028", "\u2029");
    }
  }

  @Test
  void messagesOfAnySizeAreWritten() {
    ChatMessage big = new ChatMessage("u", "<".repeat(16_384), 1, "r");

    assertThat(answer(Long.MAX_VALUE, big, big)).hasSizeGreaterThan(2 * 6 * 16_384);
  }

  /** Anybody may fill a room with them, and many may ask for it at once. */
  @Test
  void noMoreIsWrittenThanIsSent() {
    ChatMessage[] room = new ChatMessage[50];
    for (int i = 0; i < room.length; i++) {
      room[i] = new ChatMessage("u", "<".repeat(16_384), -i, "r");
    }
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    byte[] answer = Answer.of(List.of(room), 1_000_000);
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;

    assertThat(answer).hasSizeBetween(900_000, 1_000_000);
    assertThat(new String(answer, UTF_8)).contains("\"timestamp\":0,").endsWith("}]");
    assertThat(allocated).isLessThan(6L * answer.length); // a buffer that doubles, and a copy
  }

  private static String answer(long maxBytes, ChatMessage... newestFirst) {
    return new String(Answer.of(List.of(newestFirst), maxBytes), UTF_8);
  }
}
