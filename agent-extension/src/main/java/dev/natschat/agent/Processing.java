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

  @SuppressWarnings("MustBeClosedChecker") // closed by end
  private Processing(Span span, Context context, boolean endsSpan) {
    this.span = span;
    this.endsSpan = endsSpan;
    this.scope = context.makeCurrent();
  }

  static Processing of(Span span, Context context) {
    return new Processing(span, context, true);
  }

  /** The span lasts longer than this stretch of work. */
  static Processing within(Span span, Context context) {
    return new Processing(span, context, false);
  }

  /** A handler gets a message; null where that is no work of the application's. */
  static @Nullable Processing inHandler(Message message) {
    if (message.isStatusMessage() || isReplyOrDiscovery(message)) {
      return null;
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
    if (answers) {
      context = context.with(new ReplyExpected(message.getReplyTo(), span));
    }
    delivery.processing = context;
    return of(span, context);
  }

  private static boolean isReplyOrDiscovery(Message message) {
    if (message.isJetStream()) {
      return false;
    }
    String inboxPrefix =
        message.getConnection() == null
            ? null
            : message.getConnection().getOptions().getInboxPrefix();
    return message.getSubject().startsWith("$SRV.")
        || Subjects.get().isInbox(message.getSubject(), inboxPrefix);
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
    }
  }
}
