package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.api.MessageInfo;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsJetStreamMetaData;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import org.jspecify.annotations.Nullable;

/**
 * Starts messaging spans and describes messages on them. What is not sampled costs no attributes.
 */
final class Spans {
  static final String SCOPE = "dev.natschat.jnats";
  static final String VERSION = "1.0.0";

  private static final Tracer tracer =
      GlobalOpenTelemetry.get()
          .getTracerProvider()
          .tracerBuilder(SCOPE)
          .setInstrumentationVersion(VERSION)
          .build();

  /** Whoever sends a message chooses its id; spans wait in a queue, by the thousand. */
  private static final int LONGEST_ID = 256;

  private static final boolean attributesAtStart = Settings.get().attributesAtStart;
  private static final boolean followsParent = Settings.get().unsampledByParent;
  private static final boolean legacyAttributes = Settings.get().legacyAttributes;

  private Spans() {}

  static SpanBuilder builder(Destination destination, Operation operation, Context parent) {
    return tracer
        .spanBuilder(destination.spanName(operation))
        .setSpanKind(operation.kind)
        .setParent(parent);
  }

  /** To who sent or stored a message, where that is known. */
  static void link(SpanBuilder builder, Context producer) {
    SpanContext span = Span.fromContext(producer).getSpanContext();
    if (span.isValid()) {
      builder.addLink(span);
    }
  }

  /**
   * Starts the span. A sampler that looks at attributes sees them, except one that follows a parent
   * which is not sampled.
   */
  static Span start(SpanBuilder builder, Attributes constant, Context parent) {
    return isDescribedFirst(parent)
        ? builder.setAllAttributes(constant).startSpan()
        : startUndescribed(builder, constant);
  }

  /** {@link #start} for a message on its way out. */
  static Span startSending(
      SpanBuilder builder,
      Attributes constant,
      Context parent,
      String subject,
      byte @Nullable [] body) {
    long size = body == null ? 0 : body.length;
    if (isDescribedFirst(parent)) {
      builder.setAllAttributes(constant);
      describe(builder, subject, size);
      return builder.startSpan();
    }
    Span span = startUndescribed(builder, constant);
    if (span.isRecording()) {
      span.setAttribute(Semantics.DESTINATION_NAME, subject);
      describeSize(span, size);
    }
    return span;
  }

  /** {@link #start} for a message that has arrived. */
  static Span startDelivered(
      SpanBuilder builder, Attributes constant, Context parent, Message message) {
    long size = message.getData() == null ? 0 : message.getData().length;
    Span span;
    if (isDescribedFirst(parent)) {
      builder.setAllAttributes(constant);
      describe(builder, message.getSubject(), size);
      NatsJetStreamMetaData metaData = Delivery.metaData(message);
      if (metaData != null) {
        builder.setAttribute(Semantics.STREAM, metaData.getStream());
        builder.setAttribute(Semantics.CONSUMER_NAME, metaData.getConsumer());
        builder.setAttribute(Semantics.STREAM_SEQUENCE, metaData.streamSequence());
        builder.setAttribute(Semantics.DELIVERY_COUNT, metaData.deliveredCount());
      }
      span = builder.startSpan();
    } else {
      span = startUndescribed(builder, constant);
      if (span.isRecording()) {
        describeDelivered(span, message, size);
      }
    }
    describeHeaders(span, message.getHeaders());
    return span;
  }

  /** The SDK's builder takes attributes without the lock that a started span has. */
  private static boolean isDescribedFirst(Context parent) {
    SpanContext span = Span.fromContext(parent).getSpanContext();
    if (!span.isValid()) {
      return attributesAtStart;
    }
    return span.isSampled()
        ? attributesAtStart || followsParent
        : attributesAtStart && !followsParent;
  }

  private static Span startUndescribed(SpanBuilder builder, Attributes constant) {
    Span span = builder.startSpan();
    if (span.isRecording()) {
      span.setAllAttributes(constant);
    }
    return span;
  }

  private static void describe(SpanBuilder builder, String subject, Long size) {
    builder.setAttribute(Semantics.DESTINATION_NAME, subject);
    builder.setAttribute(Semantics.BODY_SIZE, size);
    if (legacyAttributes) {
      builder.setAttribute(Semantics.PAYLOAD_SIZE, size);
    }
  }

  private static void describeDelivered(Span span, Message message, long size) {
    span.setAttribute(Semantics.DESTINATION_NAME, message.getSubject());
    describeSize(span, size);
    NatsJetStreamMetaData metaData = Delivery.metaData(message);
    if (metaData != null) {
      describeConsumer(span, metaData);
      span.setAttribute(Semantics.STREAM_SEQUENCE, metaData.streamSequence());
      span.setAttribute(Semantics.DELIVERY_COUNT, metaData.deliveredCount());
    }
  }

  /** Its id, by which a stream knows duplicates, and what headers the user wants to see. */
  static void describeHeaders(Span span, @Nullable Headers headers) {
    if (headers == null || !span.isRecording()) {
      return;
    }
    String id = headers.getFirst("Nats-Msg-Id");
    if (id != null) {
      span.setAttribute(
          Semantics.MESSAGE_ID, id.length() <= LONGEST_ID ? id : id.substring(0, LONGEST_ID));
    }
    CapturedHeaders.describe(span, headers);
  }

  static void describeStored(Span span, MessageInfo stored) {
    span.setAttribute(Semantics.DESTINATION_NAME, stored.getSubject());
    span.setAttribute(Semantics.STREAM, stored.getStream());
    span.setAttribute(Semantics.STREAM_SEQUENCE, stored.getSeq());
    describeSize(span, stored.getData() == null ? 0L : stored.getData().length);
    describeHeaders(span, stored.getHeaders());
  }

  static void describeConsumer(Span span, NatsJetStreamMetaData metaData) {
    span.setAttribute(Semantics.STREAM, metaData.getStream());
    span.setAttribute(Semantics.CONSUMER_NAME, metaData.getConsumer());
  }

  static void describeSize(Span span, Long size) {
    span.setAttribute(Semantics.BODY_SIZE, size);
    if (legacyAttributes) {
      span.setAttribute(Semantics.PAYLOAD_SIZE, size);
    }
  }

  static void fail(Span span, String errorType) {
    span.setStatus(StatusCode.ERROR);
    span.setAttribute(Semantics.ERROR_TYPE, errorType);
  }
}
