package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsJetStreamMetaData;
import io.nats.client.impl.NatsMessage;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.context.Context;
import io.opentelemetry.instrumentation.api.util.VirtualField;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one received message; the message itself carries it, so that it can be settled
 * on any thread and at any time, also by two at once, and is gone with the message.
 */
final class Delivery {
  private static final VirtualField<NatsMessage, Delivery> field =
      VirtualField.find(NatsMessage.class, Delivery.class);

  /** The application's own message around one of jnats tells that one's metadata. */
  private static final VirtualField<NatsJetStreamMetaData, Delivery> fieldOfWrapped =
      VirtualField.find(NatsJetStreamMetaData.class, Delivery.class);

  private static volatile boolean anyIsWrapped;

  /** The schedule was for a single message, and is purged. */
  private static final String NONE_FOLLOWS = "purge";

  private static final boolean unsampledByParent = Settings.get().unsampledByParent;

  /** Its processing began when it was received, long before its span does. */
  private final boolean pulled;

  private final long receivedAtNanos;
  private @Nullable Context producer;
  private @Nullable Destination destination;

  /** Parent of what settles the message. */
  @Nullable Ongoing processing;

  /** Its processing lasts from receipt to settlement. */
  private boolean open;

  /** It has no span, as nobody would see it. */
  private boolean measuredOnly;

  private boolean inBatch;
  private @Nullable Unsettled unsettled;

  private Delivery(boolean pulled, long receivedAtNanos) {
    this.pulled = pulled;
    this.receivedAtNanos = receivedAtNanos;
  }

  /** Of a message that the application has asked for, and gets now, by System.nanoTime. */
  static Delivery pulled(Message message, long now) {
    Delivery made = new Delivery(true, now);
    made.attachTo(message);
    return made;
  }

  static @Nullable Delivery of(Message message) {
    return isOfJnats(message) ? field.get((NatsMessage) message) : ofWrapped(message);
  }

  /** The application may have had it processed within a message of its own. */
  static @Nullable Delivery ofSettled(Message message) {
    Delivery known = of(message);
    Delivery wrapped =
        known == null || known.processing != null || !anyIsWrapped ? null : ofWrapped(message);
    return wrapped == null ? known : wrapped;
  }

  private static @Nullable Delivery ofWrapped(Message message) {
    NatsJetStreamMetaData metaData = metaData(message);
    return metaData == null ? null : fieldOfWrapped.get(metaData);
  }

  private static boolean isOfJnats(Message message) {
    return message instanceof NatsMessage
        && message.getClass().getName().startsWith("io.nats.client.impl.");
  }

  static Delivery ofOrNew(Message message) {
    Delivery known = of(message);
    if (known != null) {
      return known;
    }
    Delivery made = new Delivery(false, Ongoing.now(Operation.PROCESS));
    made.attachTo(message);
    return made;
  }

  private void attachTo(Message message) {
    if (isOfJnats(message)) {
      field.set((NatsMessage) message, this);
    } else {
      attachToWrapped(message);
      anyIsWrapped = true;
    }
  }

  private void attachToWrapped(Message message) {
    NatsJetStreamMetaData metaData = metaData(message);
    if (metaData != null) {
      fieldOfWrapped.set(metaData, this);
    }
  }

  /** The context the message carries. */
  Context producer(Message message) {
    if (producer == null) {
      producer = Propagation.extract(message.getHeaders());
    }
    return producer;
  }

  /** Work on it begins now. */
  Ongoing begin(Message message, Operation operation) {
    return begin(message, operation, null, Ongoing.now(operation));
  }

  /** Its span begins at that time, or now. */
  private Ongoing begin(
      Message message, Operation operation, @Nullable Instant spanStart, long startedAt) {
    boolean linked = isLinked(message);
    Context parent = linked ? Context.root() : producer(message);
    SpanBuilder builder = Spans.builder(destination(message), operation, parent);
    if (linked) {
      Spans.link(builder, producer(message));
    }
    if (spanStart != null) {
      builder.setStartTimestamp(spanStart);
    }
    Ongoing begun =
        Ongoing.begin(builder, destination(message), operation, parent, message, startedAt);
    if (begun.span.isRecording()) { // else its metadata may not be read yet
      attachToWrapped(message);
    }
    processing = begun;
    return begun;
  }

  /**
   * Who stored a value, or made a schedule that repeats, is linked, and is no parent of those who
   * hear of it: they may do so for ever.
   */
  private static boolean isLinked(Message message) {
    return Subjects.isBucket(message.getSubject()) || isRepeated(message.getHeaders());
  }

  /**
   * Of a message that a schedule makes, servers tell when the next one comes: ADR-51
   * (https://github.com/nats-io/nats-architecture-and-design).
   */
  private static boolean isRepeated(@Nullable Headers headers) {
    String next = headers == null ? null : headers.getFirst("Nats-Schedule-Next");
    return next != null && !next.equals(NONE_FOLLOWS);
  }

  /** What lasts from receipt to settlement, begun when first asked for. */
  synchronized Ongoing open(Message message) {
    Ongoing known = processing;
    if (known == null || !open || measuredOnly) {
      Instant receivedAt =
          pulled ? Instant.now().minusNanos(System.nanoTime() - receivedAtNanos) : null;
      known = begin(message, Operation.PROCESS, receivedAt, receivedAtNanos);
      open = true;
      measuredOnly = false;
    }
    return known;
  }

  /**
   * {@link #open} of a message while which nothing else happens: when its sender was not sampled,
   * and the sampler follows the sender, it is measured only.
   */
  synchronized Ongoing openAside(Message message) {
    if (processing == null
        && unsampledByParent
        && Propagation.isPlainlyUnsampled(message.getHeaders())
        && !isLinked(message)) {
      processing =
          Ongoing.withoutSpan(
              destination(message), Operation.PROCESS, Context.root(), message, receivedAtNanos);
      open = true;
      measuredOnly = true;
    }
    return measuredOnly && processing != null ? processing : open(message);
  }

  boolean isMeasuredOnly() {
    return measuredOnly;
  }

  boolean isOpen() {
    return open;
  }

  /** The message is one of many: its settlement is an attribute of its span, not a span. */
  void joinBatch(Message message) {
    inBatch = true;
    endWhenDropped(message);
  }

  /** What it began ends although the application may never settle it. */
  void endWhenDropped(Message message) {
    if (unsettled == null && open && processing != null && processing.span.isRecording()) {
      unsettled = Unsettled.watch(message, processing);
    }
  }

  boolean isInBatch() {
    return inBatch;
  }

  /** A settlement that failed has none of that outcome, and may be tried again: a span follows. */
  void settled(String outcome, @Nullable Throwable thrown) {
    if (!open || processing == null) {
      return;
    }
    if (thrown != null) {
      processing.fail(thrown);
    } else if (outcome.equals(Settlement.ACK)) {
      processing.succeed();
    }
    processing.span.setAttribute(Semantics.OUTCOME, thrown == null ? outcome : "none");
    processing.end();
    if (unsettled != null) {
      unsettled.forget();
    }
  }

  Destination destination(Message message) {
    Destination known = destination;
    if (known == null) {
      known = find(message);
      destination = known;
    }
    return known;
  }

  private static Destination find(Message message) {
    Subjects subjects = Subjects.get();
    Destination byTemplate = subjects.ofPublished(message.getSubject());
    return byTemplate == Destination.UNNAMED ? subjects.ofName(source(message)) : byTemplate;
  }

  /**
   * Null where there is none. jnats takes a reply subject for JetStream's by its beginning, and who
   * sends chooses what follows.
   */
  static @Nullable NatsJetStreamMetaData metaData(Message message) {
    try {
      return message.isJetStream() ? message.metaData() : null;
    } catch (IllegalArgumentException notJetStreams) {
      return null;
    }
  }

  private static String source(Message message) {
    NatsJetStreamMetaData metaData = metaData(message);
    if (metaData != null) {
      return metaData.getStream();
    }
    return message.getSubscription() == null
        ? message.getSubject()
        : message.getSubscription().getSubject();
  }
}
