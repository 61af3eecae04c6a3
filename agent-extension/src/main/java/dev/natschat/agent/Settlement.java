package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.impl.AckType;
import io.nats.client.impl.NatsJetStreamMetaData;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Context;
import org.jspecify.annotations.Nullable;

/** An ack, nak, term or inProgress on its way to the server. */
final class Settlement {
  static final String ACK = "ack";

  private final Delivery delivery;
  private final AckType type;
  private final @Nullable Ongoing ongoing;

  private Settlement(Delivery delivery, AckType type, @Nullable Ongoing ongoing) {
    this.delivery = delivery;
    this.type = type;
    this.ongoing = ongoing;
  }

  /** Null when jnats will send nothing, or the message is none of ours. */
  static @Nullable Settlement begin(Message message, AckType type) {
    AckType last = message.lastAck();
    Delivery delivery = last != null && last.terminal ? null : Delivery.ofSettled(message);
    if (delivery == null) {
      return null;
    }
    if (delivery.isInBatch()) {
      return new Settlement(delivery, type, null);
    }
    if (delivery.processing == null) {
      delivery.openAside(message);
    }
    if (!type.terminal) {
      delivery.endWhenDropped(message);
    }
    Ongoing processing = delivery.processing;
    return processing == null
        ? new Settlement(delivery, type, null)
        : new Settlement(delivery, type, begin(message, type, delivery, processing.context));
  }

  private static Ongoing begin(
      Message message, AckType type, Delivery delivery, Context processing) {
    Destination destination = delivery.destination(message);
    if (delivery.isMeasuredOnly() || !Settings.get().settleSpans) {
      return Ongoing.withoutSpan(
          destination, Operation.SETTLE, processing, message.getConnection());
    }
    Ongoing ongoing =
        Ongoing.begin(destination, Operation.SETTLE, processing, message.getConnection());
    Span span = ongoing.span;
    if (span.isRecording()) {
      span.setAttribute(Semantics.DESTINATION_NAME, message.getSubject());
      span.setAttribute(Semantics.OUTCOME, outcome(type));
      NatsJetStreamMetaData metaData = Delivery.metaData(message);
      if (metaData != null) {
        Spans.describeConsumer(span, metaData);
        span.setAttribute(Semantics.STREAM_SEQUENCE, metaData.streamSequence());
      }
    }
    return ongoing;
  }

  void end(@Nullable Throwable thrown) {
    if (ongoing != null) {
      if (thrown != null) {
        ongoing.fail(thrown);
      }
      ongoing.end();
    }
    if (type == AckType.AckTerm && thrown == null && delivery.processing != null) {
      // Given up for good: its processing has failed.
      delivery.processing.fail("term");
    }
    if (type.terminal) {
      delivery.settled(outcome(type), thrown);
    }
  }

  private static String outcome(AckType type) {
    switch (type) {
      case AckAck:
        return ACK;
      case AckNak:
        return "nak";
      case AckTerm:
        return "term";
      default:
        return "in_progress";
    }
  }
}
