package dev.natschat.persist;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.natschat.persist.Poison.Reason;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChatMessageTest {
  private static final long STORED_AT = 1_700_000_000_000L;
  private static final long FIVE_MINUTES = 300_000;

  @Test
  void readsWhatTheTableHolds() throws Poison {
    assertThat(
            parse(
                "chat.lobby",
                """
                {"more":{"a":[1]},"user":"alice","text":"hi \\u263a","timestamp":1699999999999,"room":"lobby"}
                """))
        .isEqualTo(new ChatMessage("lobby", "alice", "hi ☺", 1_699_999_999_999L, false));
  }

  @Test
  void defect13RoomOfTheBodyIsNotBelieved() throws Poison {
    ChatMessage message = parse("chat.lobby", "{'user':'a','text':'b','room':'__admin__'}");
    assertThat(message.room()).isEqualTo("lobby");
    assertThat(message.claimsOtherRoom()).isTrue();
  }

  @Test
  void roomMayBeLeftOut() throws Poison {
    assertThat(parse("chat.lobby", "{'user':'a','text':'b'}").claimsOtherRoom()).isFalse();
  }

  @Test
  void adminSubjectsAreOneRoom() throws Poison {
    assertThat(parse("admin.chat", "{'user':'a','text':'b','room':'__admin__'}"))
        .isEqualTo(new ChatMessage("__admin__", "a", "b", STORED_AT, false));
  }

  @Test
  void missingTimestampIsTheBrokers() throws Poison {
    assertThat(parse("chat.r", "{'user':'a','text':'b'}").timestamp()).isEqualTo(STORED_AT);
  }

  @Test
  void defect13TimestampFarAheadIsTheBrokers() throws Poison {
    assertThat(withTimestamp(STORED_AT + FIVE_MINUTES)).isEqualTo(STORED_AT + FIVE_MINUTES);
    assertThat(withTimestamp(STORED_AT + FIVE_MINUTES + 1)).isEqualTo(STORED_AT);
    assertThat(withTimestamp(Long.MAX_VALUE)).isEqualTo(STORED_AT);
    assertThat(withTimestamp(Long.MIN_VALUE)).isEqualTo(Long.MIN_VALUE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "null",
        "1",
        "'text'",
        "[]",
        "{",
        "{'user':'a','text':'b'",
        "{'user':'a','text':'b'} more",
        "{'user':'a','text':'b'}{}",
        "{'user':'a','text':'b',}"
      })
  void notAJsonObject(String body) {
    assertThat(reason("chat.r", body)).isEqualTo(Reason.NOT_A_JSON_OBJECT);
  }

  @Test
  void bytesThatAreNoUtf8() {
    byte[] body =
        "{'user':'a','text':'\u00e9'}"
            .replace('\'', '"')
            .getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
    assertThat(
            catchThrowableOfType(Poison.class, () -> ChatMessage.parse("chat.r", body, STORED_AT))
                .reason())
        .isEqualTo(Reason.NOT_A_JSON_OBJECT);
  }

  @Test
  void nestingWithoutEnd() {
    assertThat(reason("chat.r", "{'a':" + "[".repeat(100_000))).isEqualTo(Reason.NOT_A_JSON_OBJECT);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'text':'b'}",
        "{'user':null,'text':'b'}",
        "{'user':1,'text':'b'}",
        "{'user':{},'text':'b'}"
      })
  void invalidUser(String body) {
    assertThat(reason("chat.r", body)).isEqualTo(Reason.INVALID_USER);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'user':'a'}",
        "{'user':'a','text':null}",
        "{'user':'a','text':true}",
        "{'user':'a','text':['b']}"
      })
  void invalidText(String body) {
    assertThat(reason("chat.r", body)).isEqualTo(Reason.INVALID_TEXT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"null", "'1'", "1.5", "1e3", "true", "{}", "99999999999999999999"})
  void invalidTimestamp(String timestamp) {
    assertThat(reason("chat.r", "{'user':'a','text':'b','timestamp':" + timestamp + "}"))
        .isEqualTo(Reason.INVALID_TIMESTAMP);
  }

  @Test
  void nulCharacter() {
    assertThat(reason("chat.r", "{'user':'a\\u0000','text':'b'}")).isEqualTo(Reason.NUL_CHARACTER);
    assertThat(reason("chat.r", "{'user':'a','text':'\\u0000'}")).isEqualTo(Reason.NUL_CHARACTER);
    assertThat(reason("chat.r\0", "{'user':'a','text':'b'}")).isEqualTo(Reason.NUL_CHARACTER);
  }

  @Test
  void namesAreCountedInCharacters() throws Poison {
    String longest = "😀".repeat(255);
    assertThat(parse("chat." + longest, "{'user':'" + longest + "','text':'b'}").user())
        .isEqualTo(longest);
    assertThat(reason("chat.r", "{'user':'" + longest + "x','text':'b'}"))
        .isEqualTo(Reason.TOO_LONG);
    assertThat(reason("chat." + longest + "x", "{'user':'a','text':'b'}"))
        .isEqualTo(Reason.TOO_LONG);
  }

  @Test
  void textIsCountedInBytes() throws Poison {
    String longest = "é".repeat(8 * 1024);
    assertThat(parse("chat.r", "{'user':'a','text':'" + longest + "'}").text()).isEqualTo(longest);
    assertThat(reason("chat.r", "{'user':'a','text':'" + longest + "x'}"))
        .isEqualTo(Reason.TOO_LONG);
  }

  @Test // of a stream to which somebody gave more subjects
  void otherSubjectsAreNoRooms() {
    for (String subject : List.of("log", "news.sport", "chatter.lobby")) {
      assertThat(reason(subject, "{'user':'a','text':'b'}")).isEqualTo(Reason.RESERVED_SUBJECT);
    }
  }

  @Test
  void adminRoomIsNotWrittenThroughChat() {
    assertThat(reason("chat.__admin__", "{'user':'a','text':'b'}"))
        .isEqualTo(Reason.RESERVED_SUBJECT);
  }

  private static long withTimestamp(long timestamp) throws Poison {
    return parse("chat.r", "{'user':'a','text':'b','timestamp':" + timestamp + "}").timestamp();
  }

  private static Reason reason(String subject, String body) {
    return catchThrowableOfType(Poison.class, () -> parse(subject, body)).reason();
  }

  private static ChatMessage parse(String subject, String body) throws Poison {
    return ChatMessage.parse(subject, body.replace('\'', '"').getBytes(UTF_8), STORED_AT);
  }
}
