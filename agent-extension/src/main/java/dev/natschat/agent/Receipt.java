package dev.natschat.agent;

import io.nats.client.Message;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A message the application asked for: fetch, iterate, nextMessage. */
final class Receipt {
  private static final boolean batchMethods = !Settings.get().batchProcessMethods.isEmpty();

  private Receipt() {}

  /**
   * Notes the time only: the span starts when the message is processed by a batch method, or
   * settled.
   */
  static void note(@Nullable Message message) {
    if (message == null || message.isStatusMessage() || Subjects.isBucket(message.getSubject())) {
      return;
    }
    Delivery delivery = new Delivery(Instant.now());
    if (message.isJetStream()) {
      delivery.attachTo(message);
    } else if (!Processing.isReply(message)) {
      delivery.attachTo(message);
      if (!batchMethods) {
        // Nothing settles a core message: its receipt is all that can be seen of its processing.
        delivery.openSpan(message).end();
      }
    }
  }
}
