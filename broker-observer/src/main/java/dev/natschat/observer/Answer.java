package dev.natschat.observer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.nats.client.Message;
import java.io.IOException;

/**
 * What one server answered.
 *
 * @param id new at each start of the server
 * @param cluster the server's own name where it is in none
 */
record Answer(Question question, String server, String cluster, String id, JsonNode data) {

  /** Some thousand streams with a consumer each. */
  static final int MAX_BYTES = 4 * 1024 * 1024;

  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * @throws IOException when it is no answer, saying why
   */
  static Answer read(Question question, Message message) throws IOException {
    if (message.isStatusMessage()) {
      throw new IOException("status " + message.getStatus());
    }
    byte[] bytes = message.getData();
    if (bytes.length > MAX_BYTES) {
      throw new IOException(bytes.length + " bytes, more than the " + MAX_BYTES + " allowed");
    }
    return of(question, JSON.readTree(bytes));
  }

  static Answer of(Question question, JsonNode json) throws IOException {
    JsonNode server = json.path("server");
    String name = server.path("name").asText();
    String id = server.path("id").asText();
    JsonNode data = json.path(question.field);
    if (json.has("error")) {
      throw new IOException(name + " answered with the error " + json.get("error"));
    }
    if (name.isEmpty() || id.isEmpty() || !data.isObject()) {
      throw new IOException("without server.name, server.id or " + question.field);
    }
    String cluster = server.path("cluster").asText();
    return new Answer(question, name, cluster.isEmpty() ? name : cluster, id, data);
  }
}
