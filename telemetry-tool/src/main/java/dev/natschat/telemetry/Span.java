package dev.natschat.telemetry;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One span, the same whichever server kept it. What a server loses is lost here: Zipkin lower-cases
 * names and services (compare with {@link #named}), keeps microseconds, turns every attribute into
 * text and mixes those of the resource among them, so this is the common shape.
 *
 * @param traceId 32 lower-case hexadecimal digits
 * @param id 16 lower-case hexadecimal digits
 * @param parentId the parent's id; null for a root
 * @param scope the instrumentation scope's name, empty when unknown
 * @param startNanos since the epoch
 * @param statusMessage empty when there is none
 * @param attributes the span's and its resource's, as text; the span's win
 */
public record Span(
    String traceId,
    String id,
    @Nullable String parentId,
    String service,
    String scope,
    String name,
    Kind kind,
    long startNanos,
    long durationNanos,
    boolean error,
    String statusMessage,
    Map<String, String> attributes,
    List<Event> events,
    List<Link> links) {

  /** Span kinds of OpenTelemetry. */
  public enum Kind {
    INTERNAL,
    SERVER,
    CLIENT,
    PRODUCER,
    CONSUMER
  }

  /** A link to a span, in this trace or another. */
  public record Link(String traceId, String spanId) {}

  /** Something that happened within a span, such as an exception. */
  public record Event(String name, Map<String, String> attributes) {}

  /** Whether this is the span's name; case is ignored, since Zipkin lower-cases names. */
  public boolean named(String expected) {
    return name.equalsIgnoreCase(expected);
  }

  /** An attribute's text; null when the span has none of that key. */
  public @Nullable String attribute(String key) {
    return attributes.get(key);
  }

  /** When it ended, in nanoseconds since the epoch. */
  public long endNanos() {
    return startNanos + durationNanos;
  }
}
