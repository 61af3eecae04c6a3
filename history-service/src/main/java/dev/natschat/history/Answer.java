package dev.natschat.history;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.io.CharacterEscapes;
import com.fasterxml.jackson.core.io.SerializedString;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The body of an answer: a JSON array, oldest message first. */
final class Answer {
  static final byte[] EMPTY = {'[', ']'};

  private static final JsonFactory JSON = factory();
  private static final SerializableString USER = new SerializedString("user");
  private static final SerializableString TEXT = new SerializedString("text");
  private static final SerializableString TIMESTAMP = new SerializedString("timestamp");
  private static final SerializableString ROOM = new SerializedString("room");

  private Answer() {}

  /** As many of the newest messages as fit into {@code maxBytes}. */
  static byte[] of(List<ChatMessage> newestFirst, long maxBytes) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(16 * 1024);
    int[] starts = new int[newestFirst.size()];
    try (JsonGenerator json = JSON.createGenerator(bytes)) {
      for (int i = 0; i < starts.length; i++) {
        json.flush();
        starts[i] = bytes.size();
        write(newestFirst.get(starts.length - 1 - i), json);
      }
    } catch (IOException e) {
      throw new IllegalStateException("a message of strings and a number is always JSON", e);
    }
    return array(bytes.toByteArray(), starts, maxBytes);
  }

  private static void write(ChatMessage message, JsonGenerator json) throws IOException {
    json.writeStartObject();
    json.writeFieldName(USER);
    json.writeString(message.user());
    json.writeFieldName(TEXT);
    json.writeString(message.text());
    json.writeFieldName(TIMESTAMP);
    json.writeNumber(message.timestamp());
    json.writeFieldName(ROOM);
    json.writeString(message.room());
    json.writeEndObject();
  }

  /**
   * @param messages oldest first, with commas between them
   * @param starts where each begins; all but the first with its comma
   */
  private static byte[] array(byte[] messages, int[] starts, long maxBytes) {
    for (int i = 0; i < starts.length; i++) {
      int start = i == 0 ? 0 : starts[i] + 1;
      int size = messages.length - start + EMPTY.length;
      if (size <= maxBytes) {
        byte[] array = new byte[size];
        array[0] = '[';
        System.arraycopy(messages, start, array, 1, size - EMPTY.length);
        array[size - 1] = ']';
        return array;
      }
    }
    return EMPTY;
  }

  private static JsonFactory factory() {
    return new JsonFactoryBuilder()
        .characterEscapes(new HtmlSafe())
        .rootValueSeparator(",")
        .disable(JsonWriteFeature.WRITE_HEX_UPPER_CASE)
        .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
        .build();
  }

  /**
   * What clients have always been sent: the escapes of Go's encoding/json, safe inside a page's
   * script element.
   */
  private static final class HtmlSafe extends CharacterEscapes {
    private static final int LINE_SEPARATOR = 0x2028;
    private static final int PARAGRAPH_SEPARATOR = 0x2029;

    private final int[] ascii = standardAsciiEscapesForJSON();

    HtmlSafe() {
      ascii['<'] = ESCAPE_CUSTOM;
      ascii['>'] = ESCAPE_CUSTOM;
      ascii['&'] = ESCAPE_CUSTOM;
    }

    @Override
    public int[] getEscapeCodesForAscii() {
      return ascii;
    }

    @Override
    public @Nullable SerializableString getEscapeSequence(int character) {
      return switch (character) {
        case '<', '>', '&', LINE_SEPARATOR, PARAGRAPH_SEPARATOR ->
            new SerializedString("\\u%04x".formatted(character));
        default -> null;
      };
    }
  }
}
