package dev.natschat.persist;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import dev.natschat.persist.Poison.Reason;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A chat message as the table holds it.
 *
 * @param room of the subject, whatever the body says
 * @param timestamp ms since the epoch
 * @param claimsOtherRoom the body names a room that is not the subject's
 */
record ChatMessage(String room, String user, String text, long timestamp, boolean claimsOtherRoom) {

  private static final String ADMIN_ROOM = "__admin__";
  private static final int MAX_NAME_CHARACTERS = 255;
  private static final int MAX_TEXT_BYTES = 16 * 1024;
  private static final long MAX_AHEAD_MILLIS = Duration.ofMinutes(5).toMillis();
  private static final JsonFactory JSON = new JsonFactory();

  /**
   * Reads {@code {"user","text","timestamp","room"}} as published to {@code chat.<room>} or {@code
   * admin.<anything>}; other fields are ignored.
   *
   * @param storedAtMillis when the broker stored it: the time of a message that has none of its
   *     own, or one too far ahead
   */
  static ChatMessage parse(String subject, byte[] body, long storedAtMillis) throws Poison {
    Fields fields = Fields.read(body);
    String room = room(subject);
    if (fields.user == null) {
      throw new Poison(Reason.INVALID_USER, "expected a string \"user\"");
    }
    if (fields.text == null) {
      throw new Poison(Reason.INVALID_TEXT, "expected a string \"text\"");
    }
    checkName("room", room);
    checkName("user", fields.user);
    checkNoNul("text", fields.text);
    if (utf8Length(fields.text) > MAX_TEXT_BYTES) {
      throw new Poison(
          Reason.TOO_LONG, "expected a text of at most " + MAX_TEXT_BYTES + " bytes of UTF-8");
    }
    boolean usable =
        fields.timestamp != null && fields.timestamp <= storedAtMillis + MAX_AHEAD_MILLIS;
    return new ChatMessage(
        room,
        fields.user,
        fields.text,
        usable ? fields.timestamp : storedAtMillis,
        fields.room != null && !fields.room.equals(room));
  }

  private static String room(String subject) throws Poison {
    if (subject.startsWith("admin.")) {
      return ADMIN_ROOM;
    }
    if (!subject.startsWith("chat.")) { // somebody gave the stream more subjects
      throw new Poison(Reason.RESERVED_SUBJECT, "rooms are written through chat.*");
    }
    String room = subject.substring("chat.".length());
    if (room.equals(ADMIN_ROOM)) {
      throw new Poison(Reason.RESERVED_SUBJECT, "the admin room is written through admin.*");
    }
    return room;
  }

  private static void checkName(String field, String value) throws Poison {
    checkNoNul(field, value);
    if (value.codePointCount(0, value.length()) > MAX_NAME_CHARACTERS) {
      throw new Poison(
          Reason.TOO_LONG, "expected a " + field + " of at most " + MAX_NAME_CHARACTERS);
    }
  }

  private static void checkNoNul(String field, String value) throws Poison {
    if (value.indexOf('\0') >= 0) {
      throw new Poison(Reason.NUL_CHARACTER, "PostgreSQL stores no NUL, found one in the " + field);
    }
  }

  private static int utf8Length(String text) {
    // A char takes 3 bytes at most: most texts need no counting.
    return text.length() * 3 <= MAX_TEXT_BYTES
        ? text.length()
        : text.getBytes(StandardCharsets.UTF_8).length;
  }

  private static final class Fields {
    private @Nullable String user;
    private @Nullable String text;
    private @Nullable Long timestamp;
    private @Nullable String room;

    static Fields read(byte[] body) throws Poison {
      try (JsonParser json = JSON.createParser(body)) {
        if (json.nextToken() != JsonToken.START_OBJECT) {
          throw new Poison(Reason.NOT_A_JSON_OBJECT, "expected a JSON object");
        }
        Fields fields = new Fields();
        for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
          fields.take(name, json);
        }
        if (json.nextToken() != null) {
          throw new Poison(Reason.NOT_A_JSON_OBJECT, "expected nothing after the JSON object");
        }
        return fields;
      } catch (JsonProcessingException e) {
        throw new Poison(
            Reason.NOT_A_JSON_OBJECT, "expected a JSON object: " + e.getOriginalMessage());
      } catch (IOException e) {
        throw new Poison(Reason.NOT_A_JSON_OBJECT, "expected UTF-8: " + e.getMessage());
      }
    }

    private void take(String name, JsonParser json) throws IOException, Poison {
      JsonToken value = json.nextToken();
      switch (name) {
        case "user" -> user = value == JsonToken.VALUE_STRING ? json.getText() : null;
        case "text" -> text = value == JsonToken.VALUE_STRING ? json.getText() : null;
        case "room" -> room = value == JsonToken.VALUE_STRING ? json.getText() : null;
        case "timestamp" -> timestamp = integer(value, json);
        default -> {}
      }
      json.skipChildren();
    }

    private static long integer(JsonToken value, JsonParser json) throws IOException, Poison {
      if (value != JsonToken.VALUE_NUMBER_INT
          || json.getNumberType() == JsonParser.NumberType.BIG_INTEGER) {
        throw new Poison(Reason.INVALID_TIMESTAMP, "expected a timestamp in whole ms");
      }
      return json.getLongValue();
    }
  }
}
