package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.Subscription;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.context.Context;
import java.time.Instant;

/** A message the application asked for: fetch, iterate, nextMessage. */
final class Receipt {
  private static final boolean batchMethods = !Settings.get().batchProcessMethods.isEmpty();

  private static final boolean receiveSpans = Settings.get().receiveSpans;

  private Receipt() {}

  /**
   * Notes the time only: the span of its processing starts when the message is processed by a batch
   * method, or settled. The application has waited since then, by System.nanoTime.
   */
  static void note(Message message, long waitingSince) {
    String subject = message.getSubject();
    if (message.isStatusMessage()
        || isReadByJnats(message)
        || Subjects.isPlumbing(subject)
        || Processing.isReply(message)) {
      return;
    }
    boolean isAsked = isAnsweredLater(message);
    if (Subjects.get().isExcluded(subject)) {
      if (isAsked) {
        Answer.oweQuietly(message.getReplyTo()).handlerReturned(false);
      }
      return;
    }
    long now = System.nanoTime();
    Delivery delivery = Delivery.pulled(message, now);
    receive(message, delivery, waitingSince, now);
    if (isAsked) {
      Answer.owe(message.getReplyTo(), delivery.asked(message)).handlerReturned(false);
    } else if (!isSettledLater(message)) {
      // Its receipt is all that can be seen of its processing.
      delivery.openAside(message).end();
    }
  }

  /** It reads an object's chunks by an ordered consumer; other consumers of buckets do work. */
  private static boolean isReadByJnats(Message message) {
    Subscription subscription = message.getSubscription();
    return Subjects.isBucket(message.getSubject())
        && (subscription == null || Unacknowledged.is(subscription));
  }

  /** A question of the core: who waited for it replies. */
  private static boolean isAnsweredLater(Message message) {
    return !message.isJetStream() && message.getReplyTo() != null;
  }

  private static boolean isSettledLater(Message message) {
    Subscription subscription = message.getSubscription();
    return message.isJetStream()
        ? subscription == null || !Unacknowledged.is(subscription)
        : batchMethods;
  }

  static boolean isMeasured() {
    return receiveSpans || Metrics.areReceiptsRead();
  }

  private static void receive(Message message, Delivery delivery, long waitingSince, long now) {
    if (!isMeasured()) {
      return;
    }
    Context parent = Context.current();
    Destination destination = delivery.destination(message);
    if (!receiveSpans) {
      Ongoing.withoutSpan(destination, Operation.RECEIVE, parent, message, waitingSince)
          .isReceived(now);
      return;
    }
    SpanBuilder builder =
        Spans.builder(destination, Operation.RECEIVE, parent)
            .setStartTimestamp(Instant.now().minusNanos(now - waitingSince));
    Spans.link(builder, delivery.producer(message));
    Ongoing.begin(builder, destination, Operation.RECEIVE, parent, message, waitingSince)
        .isReceived(now);
  }
}
