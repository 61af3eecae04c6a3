package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.Subscription;
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

  /**
   * Notes the time only: the span of its processing starts when the message is processed by a batch
   * method, or settled. The application has waited since then, by System.nanoTime.
   */
  static void note(@Nullable Message message, long waitingSince) {
    if (message == null
        || message.isStatusMessage()
        || Subjects.isBucket(message.getSubject())
        || Subjects.get().isIgnored(message.getSubject())
        || Processing.isReply(message)) {
      return;
    }
    Delivery delivery = Delivery.pulled(message);
    receive(message, delivery, waitingSince);
    if (!isSettledLater(message)) {
      // Its receipt is all that can be seen of its processing.
      delivery.openAside(message).end();
    }
  }

  private static boolean isSettledLater(Message message) {
    Subscription subscription = message.getSubscription();
    return message.isJetStream()
        ? subscription == null || !Unacknowledged.is(subscription)
        : batchMethods;
  }

  private static void receive(Message message, Delivery delivery, long waitingSince) {
    if (!receiveSpans && !Metrics.areReceiptsRead()) {
      return;
    }
    Context parent = Context.current();
    Destination destination = delivery.destination(message);
    if (!receiveSpans) {
      Ongoing.withoutSpan(destination, Operation.RECEIVE, parent, message, waitingSince)
          .isReceived();
      return;
    }
    SpanBuilder builder =
        Spans.builder(destination, Operation.RECEIVE, parent)
            .setStartTimestamp(Instant.now().minusNanos(System.nanoTime() - waitingSince));
    SpanContext producer = Span.fromContext(delivery.producer(message)).getSpanContext();
    if (producer.isValid()) {
      builder.addLink(producer);
    }
    Ongoing.begin(builder, destination, Operation.RECEIVE, parent, message, waitingSince)
        .isReceived();
  }
}
