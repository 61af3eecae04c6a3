package dev.natschat.agent;

import io.nats.client.Connection;
import io.nats.client.Message;
import io.nats.client.Subscription;
import io.nats.client.impl.NatsJetStreamMetaData;
import io.opentelemetry.api.GlobalOpenTelemetry;
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
  private static final Tracer tracer =
      GlobalOpenTelemetry.get()
          .getTracerProvider()
          .tracerBuilder("dev.natschat.jnats")
          .setInstrumentationVersion("1.0.0")
          .build();

  private Spans() {}

  static SpanBuilder builder(Destination destination, Operation operation, Context parent) {
    return tracer
        .spanBuilder(destination.spanName(operation))
        .setSpanKind(operation.kind)
        .setParent(parent);
  }

  /**
   * Starts the span. Samplers see its constant attributes, except below a parent that is not
   * sampled, where the decision is as good as taken.
   */
  static Span start(
      SpanBuilder builder, Destination destination, Operation operation, Context parent) {
    SpanContext parentSpan = Span.fromContext(parent).getSpanContext();
    if (parentSpan.isValid() && !parentSpan.isSampled()) {
      Span span = builder.startSpan();
      if (span.isRecording()) {
        span.setAllAttributes(destination.attributes(operation));
      }
      return span;
    }
    return builder.setAllAttributes(destination.attributes(operation)).startSpan();
  }

  static Span start(Destination destination, Operation operation, Context parent) {
    return start(builder(destination, operation, parent), destination, operation, parent);
  }

  static void describeSent(
      Span span, @Nullable Connection connection, String subject, byte @Nullable [] body) {
    if (!span.isRecording()) {
      return;
    }
    span.setAttribute(Semantics.DESTINATION_NAME, subject);
    describeSize(span, body);
    describeServer(span, connection);
  }

  static void describeDelivered(Span span, Message message) {
    if (!span.isRecording()) {
      return;
    }
    span.setAttribute(Semantics.DESTINATION_NAME, message.getSubject());
    describeSize(span, message.getData());
    Subscription subscription = message.getSubscription();
    if (subscription != null && subscription.getQueueName() != null) {
      span.setAttribute(Semantics.GROUP_NAME, subscription.getQueueName());
    }
    if (message.isJetStream()) {
      describeConsumer(span, message.metaData());
      span.setAttribute(Semantics.STREAM_SEQUENCE, message.metaData().streamSequence());
      span.setAttribute(Semantics.DELIVERY_COUNT, message.metaData().deliveredCount());
    }
    describeServer(span, message.getConnection());
  }

  static void describeConsumer(Span span, NatsJetStreamMetaData metaData) {
    span.setAttribute(Semantics.STREAM, metaData.getStream());
    span.setAttribute(Semantics.CONSUMER_NAME, metaData.getConsumer());
  }

  static void describeServer(Span span, @Nullable Connection connection) {
    ServerAddress server = connection == null ? null : ServerAddress.of(connection);
    if (server != null) {
      span.setAttribute(Semantics.SERVER_ADDRESS, server.host);
      span.setAttribute(Semantics.SERVER_PORT, server.port);
    }
  }

  private static void describeSize(Span span, byte @Nullable [] body) {
    long size = body == null ? 0 : body.length;
    span.setAttribute(Semantics.BODY_SIZE, size);
    span.setAttribute(Semantics.PAYLOAD_SIZE, size);
  }

  static void fail(Span span, Throwable thrown) {
    span.recordException(thrown);
    fail(span, thrown.getClass().getName());
  }

  static void fail(Span span, String errorType) {
    span.setStatus(StatusCode.ERROR);
    span.setAttribute(Semantics.ERROR_TYPE, errorType);
  }
}
