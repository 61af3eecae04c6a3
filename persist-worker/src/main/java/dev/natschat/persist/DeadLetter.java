package dev.natschat.persist;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import io.nats.client.impl.Headers;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A row of the table dead_letters: a message as it came, and why it is here. */
record DeadLetter(Origin origin, Poison poison) {
  private static final JsonFactory ASCII_JSON =
      JsonFactory.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

  String subject() {
    return storable(origin.message().getSubject());
  }

  String reason() {
    return storable(poison.reason().errorType() + ": " + poison.getMessage());
  }

  byte[] body() {
    return origin.message().getData();
  }

  /** {@code {"name":["value", ...], ...}}. */
  String headers() {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = ASCII_JSON.createGenerator(text)) {
      write(origin.message().getHeaders(), json);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // a StringWriter does no I/O
    }
    return text.toString();
  }

  private static void write(@Nullable Headers headers, JsonGenerator json) throws IOException {
    json.writeStartObject();
    if (headers != null) {
      for (Map.Entry<String, List<String>> header : headers.entrySet()) {
        json.writeArrayFieldStart(header.getKey());
        for (String value : header.getValue()) {
          json.writeString(value);
        }
        json.writeEndArray();
      }
    }
    json.writeEndObject();
  }

  /** PostgreSQL's text holds no NUL. */
  private static String storable(String text) {
    return text.replace('\0', '\uFFFD');
  }
}
