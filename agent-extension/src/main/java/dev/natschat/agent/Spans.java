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

  private static final boolean attributesAtStart = Settings.get().attributesAtStart;
  private static final boolean legacyAttributes = Settings.get().legacyAttributes;

  private Spans() {}

  static SpanBuilder builder(Destination destination, Operation operation, Context parent) {
    return tracer
        .spanBuilder(destination.spanName(operation))
        .setSpanKind(operation.kind)
        .setParent(parent);
  }

  /**
   * Starts the span. A sampler that looks at attributes sees the constant ones, except below a
   * parent that is not sampled, where the decision is as good as taken.
   */
  static Span start(SpanBuilder builder, Attributes constant, Context parent) {
    if (attributesAtStart && !isUnsampled(Span.fromContext(parent).getSpanContext())) {
      return builder.setAllAttributes(constant).startSpan();
    }
    Span span = builder.startSpan();
    if (span.isRecording()) {
      span.setAllAttributes(constant);
    }
    return span;
  }

  private static boolean isUnsampled(SpanContext span) {
    return span.isValid() && !span.isSampled();
  }

  static void describeSent(Span span, String subject, byte @Nullable [] body) {
    if (span.isRecording()) {
      span.setAttribute(Semantics.DESTINATION_NAME, subject);
      describeSize(span, body == null ? 0 : body.length);
    }
  }

  /** Its id, by which a stream knows duplicates, and what headers the user wants to see. */
  static void describeHeaders(Span span, @Nullable Headers headers) {
    if (headers == null || !span.isRecording()) {
      return;
    }
    String id = headers.getFirst("Nats-Msg-Id");
    if (id != null) {
      span.setAttribute(Semantics.MESSAGE_ID, id);
    }
    CapturedHeaders.describe(span, headers);
  }

  static void describeDelivered(Span span, Message message) {
    if (!span.isRecording()) {
      return;
    }
    span.setAttribute(Semantics.DESTINATION_NAME, message.getSubject());
    describeSize(span, message.getData() == null ? 0 : message.getData().length);
    describeHeaders(span, message.getHeaders());
    if (message.isJetStream()) {
      describeConsumer(span, message.metaData());
      span.setAttribute(Semantics.STREAM_SEQUENCE, message.metaData().streamSequence());
      span.setAttribute(Semantics.DELIVERY_COUNT, message.metaData().deliveredCount());
    }
  }

  static void describeStored(Span span, MessageInfo stored) {
    span.setAttribute(Semantics.DESTINATION_NAME, stored.getSubject());
    span.setAttribute(Semantics.STREAM, stored.getStream());
    span.setAttribute(Semantics.STREAM_SEQUENCE, stored.getSeq());
    describeSize(span, stored.getData() == null ? 0 : stored.getData().length);
    describeHeaders(span, stored.getHeaders());
  }

  static void describeConsumer(Span span, NatsJetStreamMetaData metaData) {
    span.setAttribute(Semantics.STREAM, metaData.getStream());
    span.setAttribute(Semantics.CONSUMER_NAME, metaData.getConsumer());
  }

  static void describeSize(Span span, long size) {
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
