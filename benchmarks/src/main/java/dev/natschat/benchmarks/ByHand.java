package dev.natschat.benchmarks;

import io.nats.client.Message;
import io.nats.client.api.PublishAck;
import io.nats.client.impl.Headers;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The same spans written by hand with the SDK, as a careful programmer would: the floor for any
 * instrumentation.
 */
final class ByHand {
  private static final AttributeKey<String> SYSTEM = AttributeKey.stringKey("messaging.system");
  private static final AttributeKey<String> NAME =
      AttributeKey.stringKey("messaging.operation.name");
  private static final AttributeKey<String> TYPE =
      AttributeKey.stringKey("messaging.operation.type");
  private static final AttributeKey<String> DESTINATION =
      AttributeKey.stringKey("messaging.destination.name");
  private static final AttributeKey<String> TEMPLATE =
      AttributeKey.stringKey("messaging.destination.template");
  private static final AttributeKey<Long> SIZE =
      AttributeKey.longKey("messaging.message.body.size");
  private static final AttributeKey<Long> PAYLOAD =
      AttributeKey.longKey("messaging.message.payload_size_bytes");
  private static final AttributeKey<String> ADDRESS = AttributeKey.stringKey("server.address");
  private static final AttributeKey<Long> PORT = AttributeKey.longKey("server.port");
  private static final AttributeKey<String> STREAM =
      AttributeKey.stringKey("messaging.nats.stream");
  private static final AttributeKey<String> CONSUMER =
      AttributeKey.stringKey("messaging.consumer.name");
  private static final AttributeKey<Long> SEQUENCE =
      AttributeKey.longKey("messaging.nats.stream_sequence");
  private static final AttributeKey<Long> DELIVERIES =
      AttributeKey.longKey("messaging.nats.delivery_count");
  private static final AttributeKey<String> OUTCOME =
      AttributeKey.stringKey("messaging.nats.outcome");

  private static final TextMapGetter<Headers> getter =
      new TextMapGetter<>() {
        @Override
        @SuppressWarnings("deprecation") // still abstract
        public Iterable<String> keys(Headers headers) {
          return headers.keySet();
        }

        @Override
        public @Nullable String get(@Nullable Headers headers, String key) {
          List<String> values = headers == null ? null : headers.get(key);
          return values == null ? null : values.get(0);
        }
      };

  private final Tracer tracer;

  ByHand(boolean sampled) {
    tracer =
        SdkTracerProvider.builder()
            .setSampler(sampled ? Sampler.parentBased(Sampler.alwaysOn()) : Sampler.alwaysOff())
            .addSpanProcessor(
                BatchSpanProcessor.builder(new DiscardingExporterProvider.Discarding())
                    .setMaxQueueSize(DiscardingExporterProvider.QUEUE)
                    .build())
            .build()
            .get("by hand");
  }

  /** What is the same for all messages of a kind, made once. */
  static final class Kind {
    private final String spanName;
    private final SpanKind kind;
    private final Attributes attributes;

    Kind(String verb, String type, SpanKind kind, String template) {
      this.spanName = verb + " " + template;
      this.kind = kind;
      this.attributes =
          Attributes.of(SYSTEM, "nats", NAME, verb, TYPE, type, TEMPLATE, template).toBuilder()
              .put(ADDRESS, "127.0.0.1")
              .put(PORT, 4222L)
              .build();
    }
  }

  Span sending(Kind kind, String subject, int size) {
    Span span = start(kind, Context.current(), subject);
    if (span.isRecording()) {
      describeSize(span, size);
    }
    return span;
  }

  void acknowledged(Span span, @Nullable PublishAck ack) {
    if (span.isRecording() && ack != null) {
      span.setAttribute(STREAM, ack.getStream());
      span.setAttribute(SEQUENCE, ack.getSeqno());
    }
    span.end();
  }

  Span processing(Kind kind, Message message) {
    Context producer =
        W3CTraceContextPropagator.getInstance()
            .extract(Context.root(), message.getHeaders(), getter);
    Span span = start(kind, producer, message.getSubject());
    if (span.isRecording()) {
      describeSize(span, message.getData().length);
      if (message.isJetStream()) {
        describeJetStream(span, message);
        span.setAttribute(DELIVERIES, message.metaData().deliveredCount());
      }
    }
    return span;
  }

  Span settling(Kind kind, Message message, Span processing) {
    Span span = start(kind, Context.root().with(processing), message.getSubject());
    if (span.isRecording()) {
      span.setAttribute(OUTCOME, "ack");
      describeJetStream(span, message);
    }
    return span;
  }

  void settled(Span settling, Span processing) {
    settling.end();
    if (processing.isRecording()) {
      processing.setAttribute(OUTCOME, "ack");
    }
    processing.end();
  }

  private Span start(Kind kind, Context parent, String subject) {
    Span span =
        tracer.spanBuilder(kind.spanName).setSpanKind(kind.kind).setParent(parent).startSpan();
    if (span.isRecording()) {
      span.setAllAttributes(kind.attributes);
      span.setAttribute(DESTINATION, subject);
    }
    return span;
  }

  private static void describeSize(Span span, int size) {
    span.setAttribute(SIZE, (long) size);
    span.setAttribute(PAYLOAD, (long) size);
  }

  private static void describeJetStream(Span span, Message message) {
    span.setAttribute(STREAM, message.metaData().getStream());
    span.setAttribute(CONSUMER, message.metaData().getConsumer());
    span.setAttribute(SEQUENCE, message.metaData().streamSequence());
  }

  static Headers headers(Span span) {
    Headers headers = new Headers();
    W3CTraceContextPropagator.getInstance()
        .inject(Context.current().with(span), headers, Headers::put);
    return headers;
  }
}
