package dev.natschat.agent;

import io.nats.client.Message;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import org.jspecify.annotations.Nullable;

/** A message, or a batch, while the application works on it: one span, current on the thread. */
final class Processing {
  private final Span span;
  private final Scope scope;
  private final boolean endsSpan;
  private final @Nullable Answer answer;

  @SuppressWarnings("MustBeClosedChecker") // closed by end
  private Processing(Span span, Context context, boolean endsSpan, @Nullable Answer answer) {
    this.span = span;
    this.endsSpan = endsSpan;
    this.answer = answer;
    this.scope = context.makeCurrent();
  }

  static Processing of(Span span, Context context) {
    return new Processing(span, context, true, null);
  }

  /** The span lasts longer than this stretch of work. */
  private static Processing within(Span span, Context context) {
    return new Processing(span, context, false, null);
  }

  /** The span lasts until the reply is sent. */
  private static Processing answering(Span span, Context context, Answer answer) {
    return new Processing(span, context, false, answer);
  }

  /** A handler gets a message; null where that is no work of the application's. */
  static @Nullable Processing inHandler(Message message) {
    if (message.isStatusMessage() || isReply(message)) {
      return null;
    }
    if (message.getSubject().startsWith("$SRV.")) {
      return quiet(message);
    }
    Delivery delivery = Delivery.ofOrNew(message);
    Context producer = delivery.producer(message);
    if (!Subjects.isBucket(message.getSubject())) {
      return start(message, delivery, producer, null);
    }
    return start(message, delivery, Context.root(), Span.fromContext(producer));
  }

  /** A message that was pulled alone is processed in the trace of its producer. */
  static Processing pulledAlone(Message message, Delivery delivery) {
    if (delivery.isOpen()) {
      Span span = delivery.openSpan(message);
      return within(span, delivery.producer(message).with(span));
    }
    return start(message, delivery, delivery.producer(message), null);
  }

  private static Processing start(
      Message message, Delivery delivery, Context parent, @Nullable Span stored) {
    boolean answers = message.getReplyTo() != null && !message.isJetStream();
    Operation operation = answers ? Operation.ANSWER : Operation.PROCESS;
    Destination destination = Delivery.destination(message);
    SpanBuilder builder = Spans.builder(destination, operation, parent);
    if (stored != null && stored.getSpanContext().isValid()) {
      builder.addLink(stored.getSpanContext());
    }
    Span span = Spans.start(builder, destination, operation, parent);
    Spans.describeDelivered(span, message);
    Context context = parent.with(span);
    delivery.processing = context;
    return answers
        ? answering(span, context, Answer.owe(message.getReplyTo(), span, context))
        : of(span, context);
  }

  /** Service discovery. */
  private static @Nullable Processing quiet(Message message) {
    return message.getReplyTo() == null
        ? null
        : answering(Span.getInvalid(), Context.root(), Answer.oweQuietly(message.getReplyTo()));
  }

  static boolean isReply(Message message) {
    return !message.isJetStream()
        && Subjects.get().isInbox(message.getSubject(), message.getConnection());
  }

  void end(@Nullable Throwable thrown) {
    try {
      scope.close();
    } finally {
      if (thrown != null) {
        Spans.fail(span, thrown);
      }
      if (endsSpan) {
        span.end();
      }
      if (answer != null) {
        answer.handlerReturned(thrown != null);
      }
    }
  }
}
