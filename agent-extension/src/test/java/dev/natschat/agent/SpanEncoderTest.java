package dev.natschat.agent;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.common.KeyValue;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.internal.marshal.Marshaler;
import io.opentelemetry.exporter.internal.otlp.traces.TraceRequestMarshaler;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.trace.v1.ResourceSpans;
import io.opentelemetry.proto.trace.v1.ScopeSpans;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SpanLimits;
import io.opentelemetry.sdk.trace.data.DelegatingSpanData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Spans of the SDK, in the extension's bytes and in those of the SDK's own exporter. */
class SpanEncoderTest {
  private static final String HEX = "0123456789abcdef";

  /** As instrumentation has them: what is the same object in each span is copied. */
  private static final List<AttributeKey<String>> KEYS =
      List.of(
          AttributeKey.stringKey("a"), AttributeKey.stringKey("b"), AttributeKey.stringKey("c.d"));

  private static final String[] TEXTS = {"one", "two", "", "\u00fcber", "l".repeat(200)};

  private final Random random = new Random(1);
  private final SpanEncoder encoder = new SpanEncoder();
  private final List<SpanData> ended = new ArrayList<>();

  @Test
  void bytesAreTheSdksOwn() throws IOException {
    try (SdkTracerProvider provider = provider("one")) {
      for (int i = 0; i < 20_000; i++) {
        randomSpan(provider, "scope " + i % 3);
      }
    }
    assertThat(ended).hasSize(20_000);
    assertThat(ended).anyMatch(span -> span.getTotalRecordedLinks() > span.getLinks().size());
    assertThat(ended).anyMatch(span -> span.getTotalRecordedEvents() > span.getEvents().size());
    assertThat(ended).anyMatch(span -> span.getTotalAttributeCount() > span.getAttributes().size());
    for (SpanData span : ended) {
      assertThat(bytes(request(List.of(span))))
          .as(span::toString)
          .isEqualTo(bytes(TraceRequestMarshaler.create(List.of(span))));
    }
  }

  @Test
  void spansOfManyScopesAndResourcesAreOneRequest() throws IOException {
    try (SdkTracerProvider one = provider("one");
        SdkTracerProvider two = provider("two")) {
      for (int i = 0; i < 1000; i++) {
        randomSpan(i % 2 == 0 ? one : two, "scope " + i % 3);
      }
    }
    Marshaler request = request(ended);
    assertThat(bytes(request)).hasSize(request.getBinarySerializedSize());
    assertThat(bytes(request)).as("written once more").isEqualTo(bytes(request));
    ExportTraceServiceRequest ours = ExportTraceServiceRequest.parseFrom(bytes(request));
    ExportTraceServiceRequest sdks =
        ExportTraceServiceRequest.parseFrom(bytes(TraceRequestMarshaler.create(ended)));
    assertThat(scopes(ours)).containsExactlyInAnyOrderElementsOf(scopes(sdks)).hasSize(6);
    assertThat(ours.getResourceSpansCount()).isEqualTo(2);
    assertThat(ours.getResourceSpansList())
        .extracting(ResourceSpans::getSchemaUrl)
        .containsOnly("http://resource");
  }

  /** A processor that adds attributes to what has ended may leave their number as it was. */
  @Test
  void countsBelowNothingAreTheSdksOwn() throws IOException {
    try (SdkTracerProvider provider = provider("one")) {
      provider.get("scope").spanBuilder("span").startSpan().end();
    }
    SpanData more =
        new DelegatingSpanData(ended.get(0)) {
          @Override
          public Attributes getAttributes() {
            return Attributes.of(AttributeKey.stringKey("added"), "later");
          }
        };
    assertThat(bytes(request(List.of(more))))
        .isEqualTo(bytes(TraceRequestMarshaler.create(List.of(more))));
  }

  @Test
  void whatItDoesNotKnowIsLeftToTheSdk() {
    try (SdkTracerProvider provider = provider("one")) {
      AttributeKey<Value<?>> map = AttributeKey.valueKey("map");
      provider
          .get("scope")
          .spanBuilder("span")
          .setAttribute(map, Value.of(KeyValue.of("key", Value.of(1))))
          .startSpan()
          .end();
      randomSpan(provider, "scope");
    }
    assertThat(encoder.encode(ended.get(0))).isNull();
    assertThat(encoder.encode(ended.get(1))).as("the next one").isNotNull();
  }

  private static List<Map.Entry<io.opentelemetry.proto.resource.v1.Resource, ScopeSpans>> scopes(
      ExportTraceServiceRequest request) {
    return request.getResourceSpansList().stream()
        .flatMap(
            ofResource ->
                ofResource.getScopeSpansList().stream()
                    .map(ofScope -> Map.entry(ofResource.getResource(), ofScope)))
        .toList();
  }

  private EncodedRequest request(List<SpanData> spans) {
    EncodedRequest.Builder request = new EncodedRequest.Builder();
    for (SpanData span : spans) {
      request.add(span, requireNonNull(encoder.encode(span)));
    }
    return request.build();
  }

  private static byte[] bytes(Marshaler request) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    request.writeBinaryTo(bytes);
    return bytes.toByteArray();
  }

  private SdkTracerProvider provider(String name) {
    return SdkTracerProvider.builder()
        .setResource(
            Resource.create(
                Attributes.of(AttributeKey.stringKey("service.name"), name), "http://resource"))
        .setSpanLimits(
            SpanLimits.builder()
                .setMaxNumberOfAttributes(8)
                .setMaxNumberOfEvents(3)
                .setMaxNumberOfLinks(3)
                .setMaxNumberOfAttributesPerEvent(4)
                .setMaxNumberOfAttributesPerLink(4)
                .build())
        .addSpanProcessor(SimpleSpanProcessor.create(new Keeping()))
        .build();
  }

  private void randomSpan(SdkTracerProvider provider, String scope) {
    SpanBuilder builder =
        provider
            .tracerBuilder(scope)
            .setInstrumentationVersion(scope.endsWith("0") ? "" : "1.2.3")
            .setSchemaUrl(scope.endsWith("1") ? "http://scope" : "")
            .build()
            .spanBuilder(text())
            .setSpanKind(anyOf(SpanKind.values()))
            .setAllAttributes(attributes(9));
    if (random.nextBoolean()) {
      builder.setParent(Context.root().with(Span.wrap(context())));
    } else {
      builder.setNoParent();
    }
    if (random.nextInt(4) == 0) {
      builder.setStartTimestamp(random.nextInt(1000), TimeUnit.NANOSECONDS);
    }
    for (int links = random.nextInt(6) - 1; links > 0; links--) {
      builder.addLink(context(), attributes(6));
    }
    Span span = builder.startSpan();
    for (int events = random.nextInt(6) - 1; events > 0; events--) {
      if (random.nextInt(4) == 0) {
        span.recordException(new IllegalStateException(text()), attributes(6));
      } else {
        span.addEvent(text(), attributes(6));
      }
    }
    StatusCode status = anyOf(StatusCode.values());
    span.setStatus(status, random.nextBoolean() ? text() : "");
    span.end();
  }

  private SpanContext context() {
    TraceState state =
        random.nextInt(3) > 0
            ? TraceState.getDefault()
            : TraceState.builder().put("ot", "th:8").put("vendor", "x-" + random.nextInt()).build();
    TraceFlags flags = TraceFlags.fromByte((byte) (random.nextInt(256) | 1));
    String traceId = hex(32);
    String spanId = hex(16);
    return random.nextBoolean()
        ? SpanContext.create(traceId, spanId, flags, state)
        : SpanContext.createFromRemoteParent(traceId, spanId, flags, state);
  }

  private String hex(int digits) {
    StringBuilder hex = new StringBuilder("1");
    while (hex.length() < digits) {
      hex.append(HEX.charAt(random.nextInt(HEX.length())));
    }
    return hex.toString();
  }

  private Attributes attributes(int most) {
    AttributesBuilder attributes = Attributes.builder();
    for (int i = random.nextInt(most + 1); i > 0; i--) {
      String key = random.nextInt(20) == 0 ? "k\u00e9y " + text() : "key." + random.nextInt(20);
      switch (random.nextInt(12)) {
        case 0 -> attributes.put(AttributeKey.booleanKey(key), random.nextBoolean());
        case 1 ->
            attributes.put(AttributeKey.longKey(key), random.nextLong() >> random.nextInt(64));
        case 2 -> attributes.put(AttributeKey.doubleKey(key), random.nextInt(3) * 0.1);
        case 3 -> attributes.put(AttributeKey.stringArrayKey(key), text(), text(), "");
        case 4 -> attributes.put(AttributeKey.longArrayKey(key), 0L, random.nextLong());
        case 5 -> attributes.put(AttributeKey.booleanArrayKey(key), true, false);
        case 6 -> attributes.put(AttributeKey.doubleArrayKey(key), 0.0, -0.0, Double.NaN);
        case 7 -> attributes.put(AttributeKey.stringKey(key), text());
        default -> attributes.put(KEYS.get(random.nextInt(KEYS.size())), anyOf(TEXTS));
      }
    }
    return attributes.build();
  }

  /** Short ones above all, some so long that a length takes another byte, some not ASCII. */
  private String text() {
    return switch (random.nextInt(12)) {
      case 0 -> "";
      case 1 -> "\u00fcber \u65e5\u672c \ud83d\ude00 ".repeat(1 + random.nextInt(20));
      case 2 -> "half \ud83d";
      case 3 -> "a".repeat(random.nextInt(300));
      case 4 -> random.nextInt(50) == 0 ? "b".repeat(16_000 + random.nextInt(70_000)) : "c";
      default -> "text " + random.nextInt();
    };
  }

  private <T> T anyOf(T[] values) {
    return values[random.nextInt(values.length)];
  }

  private final class Keeping implements SpanExporter {
    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      ended.addAll(spans);
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode flush() {
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode shutdown() {
      return CompletableResultCode.ofSuccess();
    }
  }
}
