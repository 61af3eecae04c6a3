package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.impl.NatsMessage;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.context.Context;
import io.opentelemetry.instrumentation.api.util.VirtualField;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one received message; the message itself carries it, so that it can be settled
 * on any thread and at any time, and is gone with the message.
 */
final class Delivery {
  private static final VirtualField<NatsMessage, Delivery> field =
      VirtualField.find(NatsMessage.class, Delivery.class);

  private final @Nullable Instant receivedAt;
  private @Nullable Context producer;

  /** Parent of what settles the message: the context of its processing. */
  @Nullable Context processing;

  /** Lasts from receipt to settlement. */
  private @Nullable Span open;

  private boolean inBatch;
  private @Nullable Unsettled unsettled;

  Delivery(@Nullable Instant receivedAt) {
    this.receivedAt = receivedAt;
  }

  static @Nullable Delivery of(Message message) {
    return message instanceof NatsMessage ? field.get((NatsMessage) message) : null;
  }

  static Delivery ofOrNew(Message message) {
    Delivery known = of(message);
    if (known != null) {
      return known;
    }
    Delivery made = new Delivery(null);
    made.attachTo(message);
    return made;
  }

  void attachTo(Message message) {
    if (message instanceof NatsMessage) {
      field.set((NatsMessage) message, this);
    }
  }

  /** The context the message carries. */
  Context producer(Message message) {
    if (producer == null) {
      producer = Propagation.extract(message.getHeaders());
    }
    return producer;
  }

  /** The span from receipt to settlement, started when first asked for. */
  Span openSpan(Message message) {
    if (open == null) {
      Context parent = producer(message);
      Destination destination = destination(message);
      SpanBuilder builder = Spans.builder(destination, Operation.PROCESS, parent);
      if (receivedAt != null) {
        builder.setStartTimestamp(receivedAt);
      }
      open = Spans.start(builder, destination, Operation.PROCESS, parent);
      Spans.describeDelivered(open, message);
      processing = parent.with(open);
    }
    return open;
  }

  boolean isOpen() {
    return open != null;
  }

  /** The message is one of many: its settlement is an attribute of its span, not a span. */
  void joinBatch(Message message) {
    inBatch = true;
    if (unsettled == null && open != null && open.isRecording()) {
      unsettled = Unsettled.watch(message, open);
    }
  }

  boolean isInBatch() {
    return inBatch;
  }

  void settled(String outcome, @Nullable Throwable thrown) {
    if (open == null) {
      return;
    }
    if (thrown != null) {
      Spans.fail(open, thrown);
    }
    open.setAttribute(Semantics.OUTCOME, outcome);
    open.end();
    if (unsettled != null) {
      unsettled.forget();
    }
  }

  static Destination destination(Message message) {
    Subjects subjects = Subjects.get();
    Destination byTemplate = subjects.ofPublished(message.getSubject());
    return byTemplate == Destination.UNNAMED ? subjects.ofName(source(message)) : byTemplate;
  }

  private static String source(Message message) {
    if (message.isJetStream()) {
      return message.metaData().getStream();
    }
    return message.getSubscription() == null
        ? message.getSubject()
        : message.getSubscription().getSubject();
  }
}
