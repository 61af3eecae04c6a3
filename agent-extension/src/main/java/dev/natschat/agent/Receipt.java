package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.Subscription;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.context.Context;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A message the application asked for: fetch, iterate, nextMessage. */
final class Receipt {
  private static final boolean batchMethods = !Settings.get().batchProcessMethods.isEmpty();

  private static final boolean receiveSpans = Settings.get().receiveSpans;

  /** Set while jnats reads a bucket for itself. */
  private static final ThreadLocal<@Nullable Boolean> listing = new ThreadLocal<>();

  private Receipt() {}

  static boolean beginListing() {
    if (listing.get() != null) {
      return false;
    }
    listing.set(true);
    return true;
  }

  static void endListing() {
    listing.remove();
  }

  /**
   * Notes the time only: the span of its processing starts when the message is processed by a batch
   * method, or settled. The application has waited since then, by System.nanoTime.
   */
  static void note(Message message, long waitingSince, @Nullable String subscription) {
    String subject = message.getSubject();
    boolean isSettled = isSettledLater(message);
    if (message.isStatusMessage()
        || (!isSettled && message.isJetStream() && isKeptByJnats(message, subscription))
        || (!message.isJetStream() && Subjects.isPlumbing(subject)) // an advisory may be stored
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
      Ongoing question = delivery.begin(message, Operation.ANSWER);
      Answer.owe(message.getReplyTo(), question).handlerReturned(false);
    } else if (!isSettled) {
      // Its receipt is all that can be seen of its processing.
      delivery.openAside(message).end();
    }
  }

  /**
   * Where nobody acknowledges: a chunk of an object, what lists keys or objects, or what is left of
   * a subscription before this one (jnats subscribes anew where messages are missing, and these
   * come again).
   */
  private static boolean isKeptByJnats(Message message, @Nullable String subscription) {
    String subject = message.getSubject();
    return (Subjects.isBucket(subject) && (Subjects.isChunk(subject) || listing.get() != null))
        || !message.getSID().equals(subscription);
  }

  /**
   * A question of the core: who waited for it replies, unless it is on its way to a batch method.
   */
  private static boolean isAnsweredLater(Message message) {
    return !batchMethods && !message.isJetStream() && message.getReplyTo() != null;
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
