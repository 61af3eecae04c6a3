package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.impl.NatsJetStreamMetaData;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.context.Context;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A call of a configured batch method. One message is processed in its own trace. Many share one
 * batch span, which links to each message's context, and each message has one span from receipt to
 * settlement, which links back.
 */
final class Batch {
  private static final ThreadLocal<@Nullable Batch> current = new ThreadLocal<>();

  /** A thread of a pool may do other work while it waits, and be given another batch meanwhile. */
  private final @Nullable Batch outer;

  private final List<Message> messages;
  private final Processing processing;

  private Batch(@Nullable Batch outer, List<Message> messages, Processing processing) {
    this.outer = outer;
    this.messages = messages;
    this.processing = processing;
  }

  /**
   * Null when the argument holds no messages, a batch method calls itself with a part of its batch,
   * or a handler calls one with its message.
   */
  static @Nullable Batch begin(@Nullable Object argument) {
    Unsettled.endDropped();
    Batch outer = current.get();
    List<Message> messages = messagesIn(argument);
    if (messages.isEmpty() || (outer != null && outer.holds(messages.get(0)))) {
      return null;
    }
    Processing processing =
        messages.size() == 1
            ? Processing.pulledAlone(messages.get(0), Delivery.ofOrNew(messages.get(0)))
            : ofMany(messages);
    if (processing == null) {
      return null;
    }
    Batch begun = new Batch(outer, messages, processing);
    current.set(begun);
    return begun;
  }

  @SuppressWarnings("ReferenceEquality") // the very same
  private boolean holds(Message wanted) {
    for (Message message : messages) {
      if (message == wanted) {
        return true;
      }
    }
    return false;
  }

  void end(@Nullable Throwable thrown) {
    if (outer == null) {
      current.remove();
    } else {
      current.set(outer);
    }
    processing.end(thrown);
  }

  private static List<Message> messagesIn(@Nullable Object argument) {
    List<Message> messages = new ArrayList<>();
    if (argument instanceof Message) {
      addTo(messages, (Message) argument);
    } else if (argument instanceof Collection) { // what else can be iterated may be so only once
      for (Object element : (Collection<?>) argument) {
        if (element instanceof Message) {
          addTo(messages, (Message) element);
        }
      }
    }
    return messages;
  }

  private static void addTo(List<Message> messages, Message message) {
    if (!Subjects.get().isExcluded(message.getSubject())) {
      messages.add(message);
    }
  }

  private static Processing ofMany(List<Message> messages) {
    Destination destination = commonDestination(messages);
    Context parent = Context.current();
    SpanBuilder builder = Spans.builder(destination, Operation.BATCH, parent);
    builder.setAttribute(Semantics.SYSTEM, Semantics.NATS);
    builder.setAttribute(Semantics.BATCH_COUNT, (long) messages.size());
    List<Ongoing> endingWithBatch = new ArrayList<>();
    List<Span> sampled = new ArrayList<>(messages.size());
    for (Message message : messages) {
      Delivery delivery = Delivery.ofOrNew(message);
      Span messageSpan = messageSpan(message, delivery, endingWithBatch);
      if (messageSpan.getSpanContext().isSampled()) {
        sampled.add(messageSpan);
        builder.addLink(contextOf(message, delivery, messageSpan));
      }
    }
    if (!sampled.isEmpty() && isUnsampled(parent)) {
      parent = parent.with(Span.getInvalid()); // the batch is recorded, its parent never will be
      builder.setParent(parent);
    }
    Ongoing ongoing =
        Ongoing.begin(
            builder, destination, Operation.BATCH, parent, messages.get(0).getConnection());
    Span batch = ongoing.span;
    if (batch.isRecording()) {
      NatsJetStreamMetaData metaData = Delivery.metaData(messages.get(0));
      if (metaData != null) {
        Spans.describeConsumer(batch, metaData);
      }
    }
    if (batch.getSpanContext().isSampled()) {
      for (Span messageSpan : sampled) {
        messageSpan.addLink(batch.getSpanContext());
      }
    }
    return Processing.of(ongoing, endingWithBatch);
  }

  private static boolean isUnsampled(Context context) {
    SpanContext span = Span.fromContext(context).getSpanContext();
    return span.isValid() && !span.isSampled();
  }

  /**
   * From receipt to settlement, or to the end of the batch where nothing can be settled; a message
   * that a handler has got has its span already.
   */
  private static Span messageSpan(
      Message message, Delivery delivery, List<Ongoing> endingWithBatch) {
    if (delivery.processing != null && !delivery.isOpen()) {
      return delivery.processing.span;
    }
    Ongoing processing = delivery.openAside(message);
    if (message.isJetStream()) {
      delivery.joinBatch(message);
    } else {
      endingWithBatch.add(processing);
    }
    return processing.span;
  }

  /**
   * Of the producer, as the conventions ask for; of the message's own span where nothing was
   * propagated.
   */
  private static SpanContext contextOf(Message message, Delivery delivery, Span messageSpan) {
    SpanContext producer = Span.fromContext(delivery.producer(message)).getSpanContext();
    return producer.isValid() ? producer : messageSpan.getSpanContext();
  }

  private static Destination commonDestination(List<Message> messages) {
    Destination first = destination(messages.get(0));
    for (Message message : messages) {
      if (destination(message) != first) {
        NatsJetStreamMetaData metaData = Delivery.metaData(message);
        return metaData == null ? Destination.UNNAMED : Subjects.get().ofName(metaData.getStream());
      }
    }
    return first;
  }

  private static Destination destination(Message message) {
    return Delivery.ofOrNew(message).destination(message);
  }
}
