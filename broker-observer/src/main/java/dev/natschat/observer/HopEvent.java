package dev.natschat.observer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/**
 * What one server did with one message: a trace event of nats-server (ADR-41,
 * https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-41.md, and its
 * msgtrace.go).
 *
 * @param parentId the span that published the message
 * @param hop empty at the server that the publisher is connected to; then 1, 2, and 1.1 after 1
 * @param steps what it did, in this order; the first one is the arrival
 * @param sentNanos when the server was through with the message, by its own clock
 */
record HopEvent(
    String traceId,
    String parentId,
    Server server,
    String hop,
    long size,
    List<Step> steps,
    long sentNanos) {

  /** A message may bring many headers, and all of them are in the event. */
  private static final int MAX_BYTES = 2 * 1024 * 1024;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** As nats-server takes it: any version, and sampled. */
  private static final Pattern TRACEPARENT =
      Pattern.compile("[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f][13579bdf]");

  /**
   * @param cluster empty when it is in none
   */
  record Server(String id, String name, String cluster, String version) {}

  /** What a step is; the codes are nats-server's. */
  enum Type {
    INGRESS("in"),
    EGRESS("eg"),
    STORE("js"),
    SUBJECT_MAPPING("sm"),
    STREAM_EXPORT("se"),
    SERVICE_IMPORT("si");

    private final String code;

    Type(String code) {
      this.code = code;
    }

    static @Nullable Type of(String code) {
      for (Type type : values()) {
        if (type.code.equals(code)) {
          return type;
        }
      }
      return null; // of a newer server
    }
  }

  /**
   * @param peer client, route, gateway or leafnode: what is at the other end of the connection that
   *     the message came by or went to
   * @param hop where it went to another server, the hop there
   * @param error why it ended here, else empty
   */
  record Step(
      Type type,
      long nanos,
      String peer,
      long connection,
      String connectionName,
      String account,
      String subject,
      String subscription,
      String queue,
      String hop,
      String stream,
      boolean nobodyInterested,
      String error) {

    private static Step of(Type type, JsonNode json) throws IOException {
      boolean mapped = type == Type.SUBJECT_MAPPING || type == Type.STREAM_EXPORT;
      return new Step(
          type,
          epochNanos(json.path("ts")),
          peer(json.path("kind").asInt(-1)),
          json.path("cid").asLong(),
          json.path("name").asText(),
          json.path("acc").asText(),
          json.path(
                  type == Type.INGRESS
                      ? "subj"
                      : mapped || type == Type.SERVICE_IMPORT ? "to" : "subject")
              .asText(),
          json.path("sub").asText(),
          json.path("queue").asText(),
          json.path("hop").asText(),
          json.path("stream").asText(),
          json.path("nointerest").asBoolean(),
          json.path("error").asText());
    }

    private static String peer(int kind) {
      return switch (kind) {
        case 0 -> "client";
        case 1 -> "route";
        case 2 -> "gateway";
        case 4 -> "leafnode";
        default -> "";
      };
    }
  }

  /**
   * @param gzipped servers compress the event when the message has an Accept-Encoding of its own
   * @throws IOException when it is no event of a traced message, saying why
   */
  static HopEvent read(byte[] bytes, boolean gzipped) throws IOException {
    JsonNode json = JSON.readTree(gzipped ? unzipped(bytes) : bytes);
    JsonNode headers = json.path("request").path("header");
    Matcher parent = traceparent(headers);
    JsonNode server = json.path("server");
    if (server.path("id").asText().isEmpty() || server.path("name").asText().isEmpty()) {
      throw new IOException("without server.id or server.name");
    }
    List<Step> steps = new ArrayList<>();
    for (JsonNode step : json.path("events")) {
      Type type = Type.of(step.path("type").asText());
      if (type != null) {
        steps.add(Step.of(type, step));
      }
    }
    if (steps.isEmpty() || steps.get(0).type() != Type.INGRESS) {
      throw new IOException("without the message's arrival");
    }
    // A client may send such a header too, but it is always the first hop.
    boolean first = steps.get(0).peer().equals("client");
    return new HopEvent(
        parent.group(1),
        parent.group(2),
        new Server(
            server.path("id").asText(),
            server.path("name").asText(),
            server.path("cluster").asText(),
            server.path("ver").asText()),
        first ? "" : headers.path("Nats-Trace-Hop").path(0).asText(),
        json.path("request").path("msgsize").asLong(),
        List.copyOf(steps),
        epochNanos(server.path("time")));
  }

  private static Matcher traceparent(JsonNode headers) throws IOException {
    for (JsonNode value : headers.path("traceparent")) {
      Matcher matcher = TRACEPARENT.matcher(value.asText());
      if (matcher.matches() && !isZero(matcher.group(1)) && !isZero(matcher.group(2))) {
        return matcher;
      }
    }
    throw new IOException("without a sampled traceparent");
  }

  private static boolean isZero(String id) {
    return id.chars().allMatch(digit -> digit == '0');
  }

  private static byte[] unzipped(byte[] bytes) throws IOException {
    try (InputStream in = new GZIPInputStream(new ByteArrayInputStream(bytes))) {
      byte[] all = in.readNBytes(MAX_BYTES + 1);
      if (all.length > MAX_BYTES) {
        throw new IOException("more than " + MAX_BYTES + " bytes when unpacked");
      }
      return all;
    }
  }

  private static long epochNanos(JsonNode time) throws IOException {
    try {
      Instant instant = Instant.parse(time.asText());
      return instant.getEpochSecond() * 1_000_000_000L + instant.getNano();
    } catch (DateTimeParseException e) {
      throw new IOException("malformed time " + time, e);
    }
  }

  Step arrival() {
    return steps.get(0);
  }

  boolean isFirst() {
    return hop.isEmpty();
  }

  /** The same in all events of one published message: each has a span of its own. */
  String message() {
    return traceId + parentId;
  }

  /** Differs from every other event's; one that is delivered twice has the same. */
  String key() {
    return message() + hop + server.id() + arrival().nanos();
  }
}
