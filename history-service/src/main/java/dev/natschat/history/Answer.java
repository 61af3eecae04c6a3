package dev.natschat.history;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.io.CharacterEscapes;
import com.fasterxml.jackson.core.io.SerializedString;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The body of an answer: a JSON array, oldest message first. */
final class Answer {
  static final byte[] EMPTY = {'[', ']'};

  private static final ObjectWriter JSON = writer();

  private Answer() {}

  /** As many of the newest messages as fit into {@code maxBytes}. */
  static byte[] of(List<ChatMessage> newestFirst, long maxBytes) {
    List<byte[]> fitting = new ArrayList<>(newestFirst.size());
    int size = EMPTY.length;
    for (ChatMessage message : newestFirst) {
      byte[] json = json(message);
      int withComma = fitting.isEmpty() ? json.length : json.length + 1;
      if (size + withComma > maxBytes) {
        break;
      }
      size += withComma;
      fitting.add(json);
    }
    return array(fitting, size);
  }

  private static byte[] array(List<byte[]> newestFirst, int size) {
    byte[] array = new byte[size];
    int at = 0;
    array[at++] = '[';
    for (int i = newestFirst.size() - 1; i >= 0; i--) {
      byte[] json = newestFirst.get(i);
      System.arraycopy(json, 0, array, at, json.length);
      at += json.length;
      array[at++] = i == 0 ? (byte) ']' : (byte) ',';
    }
    if (newestFirst.isEmpty()) {
      array[at] = ']';
    }
    return array;
  }

  private static byte[] json(ChatMessage message) {
    try {
      return JSON.writeValueAsBytes(message);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a message of strings and a number is always JSON", e);
    }
  }

  private static ObjectWriter writer() {
    JsonMapper mapper =
        JsonMapper.builder()
            .disable(JsonWriteFeature.WRITE_HEX_UPPER_CASE)
            .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
            .build();
    mapper.getFactory().setCharacterEscapes(new HtmlSafe());
    return mapper.writerFor(ChatMessage.class);
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
