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
    Buffer bytes = new Buffer();
    int[] ends = new int[newestFirst.size()];
    int count = 0;
    try (JsonGenerator json = JSON.createGenerator(bytes)) {
      while (count < ends.length) {
        write(newestFirst.get(count), json);
        json.flush();
        if (bytes.size() + EMPTY.length > maxBytes) {
          break; // no more is written than is sent, and one message
        }
        ends[count++] = bytes.size();
      }
    } catch (IOException e) {
      throw new IllegalStateException("a message of strings and a number is always JSON", e);
    }
    return count == 0 ? EMPTY : bytes.reversed(ends, count);
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

  private static JsonFactory factory() {
    return new JsonFactoryBuilder()
        .characterEscapes(new HtmlSafe())
        .rootValueSeparator(",")
        .disable(JsonWriteFeature.WRITE_HEX_UPPER_CASE)
        .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
        .build();
  }

  /** Messages one after the other; all but the first begin with a comma. */
  private static final class Buffer extends ByteArrayOutputStream {
    Buffer() {
      super(16 * 1024);
    }

    /** An array of the first {@code count} messages, the last one first. */
    byte[] reversed(int[] ends, int count) {
      byte[] array = new byte[ends[count - 1] + EMPTY.length];
      array[0] = '[';
      int at = 1;
      for (int i = count - 1; i >= 0; i--) {
        int start = i == 0 ? 0 : ends[i - 1] + 1;
        System.arraycopy(buf, start, array, at, ends[i] - start);
        at += ends[i] - start;
        array[at++] = (byte) (i == 0 ? ']' : ',');
      }
      return array;
    }
  }

  /**
   * What clients have always been sent: the escapes of Go's encoding/json, safe inside a page's
   * script element.
   */
  private static final class HtmlSafe extends CharacterEscapes {
    private static final int LINE_SEPARATOR = 0x2028;
    private static final int PARAGRAPH_SEPARATOR = 0x2029;
    private static final SerializableString LESS = new SerializedString("\\u003c");
    private static final SerializableString GREATER = new SerializedString("\\u003e");
    private static final SerializableString AMPERSAND = new SerializedString("\\u0026");
    private static final SerializableString LINE = new SerializedString("\\u2028");
    private static final SerializableString PARAGRAPH = new SerializedString("\\u2029");

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
        case '<' -> LESS;
        case '>' -> GREATER;
        case '&' -> AMPERSAND;
        case LINE_SEPARATOR -> LINE;
        case PARAGRAPH_SEPARATOR -> PARAGRAPH;
        default -> null;
      };
    }
  }
}
