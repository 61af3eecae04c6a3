package dev.natschat.agent;

import io.nats.client.JetStreamSubscription;
import io.nats.client.SubscribeOptions;
import io.nats.client.Subscription;
import io.nats.client.api.AckPolicy;
import io.nats.client.impl.NatsJetStreamSubscription;
import io.opentelemetry.instrumentation.api.util.VirtualField;
import org.jspecify.annotations.Nullable;

/**
 * Marks subscriptions most of whose messages nobody acknowledges: ordered ones, and those with ack
 * policy none or all.
 */
final class Unacknowledged {
  private static final Unacknowledged MARK = new Unacknowledged();
  private static final VirtualField<NatsJetStreamSubscription, Unacknowledged> field =
      VirtualField.find(NatsJetStreamSubscription.class, Unacknowledged.class);

  private Unacknowledged() {}

  static void note(
      @Nullable JetStreamSubscription subscription, @Nullable SubscribeOptions options) {
    if (options != null
        && subscription instanceof NatsJetStreamSubscription
        && (options.isOrdered()
            || options.getConsumerConfiguration().getAckPolicy() != AckPolicy.Explicit)) {
      field.set((NatsJetStreamSubscription) subscription, MARK);
    }
  }

  static boolean is(Subscription subscription) {
    return subscription instanceof NatsJetStreamSubscription
        && field.get((NatsJetStreamSubscription) subscription) != null;
  }
}
