package dev.natschat.agent;

import io.nats.client.impl.Headers;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.ContextKey;
import io.opentelemetry.context.ImplicitContextKeyed;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * In the context of a handler whose message expects a reply: where the reply goes, and the span
 * that answers.
 */
final class ReplyExpected implements ImplicitContextKeyed {
  private static final ContextKey<ReplyExpected> key = ContextKey.named("dev.natschat.reply");

  private final String replyTo;
  private final @Nullable Span answering;

  private ReplyExpected(String replyTo, @Nullable Span answering) {
    this.replyTo = replyTo;
    this.answering = answering;
  }

  /** The span is answered by a publish to the subject. */
  static ReplyExpected by(Span answering, String replyTo) {
    return new ReplyExpected(replyTo, answering);
  }

  /** The answer is plumbing, as the question was. */
  static ReplyExpected quietlyAt(String replyTo) {
    return new ReplyExpected(replyTo, null);
  }

  static boolean isQuietAt(String subject) {
    ReplyExpected expected = Context.current().get(key);
    return expected != null && expected.answering == null && expected.replyTo.equals(subject);
  }

  @Override
  public Context storeInContext(Context context) {
    return context.with(key, this);
  }

  static boolean at(String subject) {
    ReplyExpected expected = Context.current().get(key);
    return expected != null && expected.replyTo.equals(subject);
  }

  /** A reply that says it is an error makes the span that answers a failed one. */
  static void answered(Context context, String subject, @Nullable Headers headers) {
    ReplyExpected expected = context.get(key);
    if (expected == null || expected.answering == null || !expected.replyTo.equals(subject)) {
      return;
    }
    String error = errorOf(headers);
    if (error != null) {
      Spans.fail(expected.answering, error);
    }
  }

  /** The service error code of ADR-32 (https://github.com/nats-io/nats-architecture-and-design). */
  static @Nullable String errorOf(@Nullable Headers headers) {
    if (headers == null || headers.isEmpty()) {
      return null;
    }
    List<String> codes = headers.getIgnoreCase("Nats-Service-Error-Code");
    if (codes != null && !codes.isEmpty()) {
      return codes.get(0);
    }
    return headers.containsKeyIgnoreCase("Nats-Service-Error") ? "service_error" : null;
  }
}
