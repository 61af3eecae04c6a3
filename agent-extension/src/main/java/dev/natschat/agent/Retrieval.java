package dev.natschat.agent;

import io.nats.client.Connection;
import io.nats.client.api.MessageInfo;
import io.nats.client.api.ObjectInfo;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.context.Context;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/**
 * A stored value is asked for: KeyValue and ObjectStore get. Who stored it is linked, for the trace
 * is that of who asks.
 */
final class Retrieval {
  private static final ThreadLocal<@Nullable Retrieval> current = new ThreadLocal<>();

  /** A thread of a pool may do other work while it waits, and get another value meanwhile. */
  private final @Nullable Retrieval outer;

  /** What the subject of the value ends with, or that of an object's description begins with. */
  private final String name;

  /** Where an object is written to. */
  private final @Nullable OutputStream target;

  private final Ongoing ongoing;
  private boolean found;

  private Retrieval(
      @Nullable Retrieval outer, String subject, String name, @Nullable OutputStream target) {
    this.outer = outer;
    this.name = name;
    this.target = target;
    ongoing =
        Ongoing.begin(Subjects.get().ofPublished(subject), Operation.GET, Context.current(), null);
  }

  static @Nullable Retrieval ofValue(String bucket, @Nullable String key) {
    return begin("$KV." + bucket + "." + key, String.valueOf(key), null);
  }

  /** The subject of its description is an encoded name: known when it is found. */
  static @Nullable Retrieval ofObject(String bucket, @Nullable OutputStream target) {
    String prefix = "$O." + bucket + ".M.";
    return begin(prefix, prefix, target);
  }

  /** Null for an object that is written to where another one was to be: that is a link to it. */
  @SuppressWarnings("ReferenceEquality") // the very same
  private static @Nullable Retrieval begin(
      String subject, String name, @Nullable OutputStream target) {
    Retrieval outer = current.get();
    if ((target != null && outer != null && outer.target == target)
        || Subjects.get().isIgnored(subject, null)) {
      return null;
    }
    Retrieval retrieval = new Retrieval(outer, subject, name, target);
    current.set(retrieval);
    return retrieval;
  }

  /** The API request that it makes knows the connection. */
  static void asks(@Nullable Connection connection) {
    Retrieval retrieval = current.get();
    if (retrieval != null) {
      retrieval.ongoing.isWith(connection);
    }
  }

  /** The stored message; of an object the first one, its description. */
  static void found(@Nullable MessageInfo stored) {
    Retrieval retrieval = current.get();
    if (retrieval == null
        || retrieval.found
        || stored == null
        || !retrieval.isOf(stored.getSubject())) {
      return;
    }
    retrieval.found = true;
    Span span = retrieval.ongoing.span;
    if (span.isRecording()) {
      SpanContext writer =
          Span.fromContext(Propagation.extract(stored.getHeaders())).getSpanContext();
      if (writer.isValid()) {
        span.addLink(writer);
      }
      Spans.describeStored(span, stored);
    }
  }

  /** A thread that waits may look meanwhile for what it is about to create or to put. */
  private boolean isOf(String subject) {
    return target == null ? subject.endsWith(name) : subject.startsWith(name);
  }

  void end(@Nullable ObjectInfo info, @Nullable Throwable thrown) {
    current.set(outer);
    if (info != null && ongoing.span.isRecording()) {
      Spans.describeSize(ongoing.span, info.getSize());
    }
    if (thrown != null) {
      ongoing.fail(thrown);
    }
    ongoing.end();
  }
}
