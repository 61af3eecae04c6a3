package dev.natschat.agent;

import io.nats.client.Message;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.context.Context;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A message the application asked for: fetch, iterate, nextMessage. */
final class Receipt {
  private static final boolean batchMethods = !Settings.get().batchProcessMethods.isEmpty();

  private static final boolean receiveSpans = Settings.get().receiveSpans;

  private Receipt() {}

  /** When the application began to wait, if that is to be told. */
  static @Nullable Instant begin() {
    return receiveSpans ? Instant.now() : null;
  }

  /**
   * Notes the time only: the span starts when the message is processed by a batch method, or
   * settled.
   */
  static void note(@Nullable Message message, @Nullable Instant waitingSince) {
    if (message == null
        || message.isStatusMessage()
        || Subjects.isBucket(message.getSubject())
        || Processing.isReply(message)) {
      return;
    }
    Delivery delivery = new Delivery(Instant.now());
    delivery.attachTo(message);
    if (waitingSince != null) {
      receiveSpan(message, delivery, waitingSince);
    }
    if (!message.isJetStream() && !batchMethods) {
      // Nothing settles a core message: its receipt is all that can be seen of its processing.
      delivery.openSpan(message).end();
    }
  }

  private static void receiveSpan(Message message, Delivery delivery, Instant waitingSince) {
    Context parent = Context.current();
    Destination destination = Delivery.destination(message);
    SpanBuilder builder =
        Spans.builder(destination, Operation.RECEIVE, parent).setStartTimestamp(waitingSince);
    SpanContext producer = Span.fromContext(delivery.producer(message)).getSpanContext();
    if (producer.isValid()) {
      builder.addLink(producer);
    }
    Span span = Spans.start(builder, destination, Operation.RECEIVE, parent);
    Spans.describeDelivered(span, message);
    span.end();
  }
}
