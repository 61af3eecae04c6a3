package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.KeyValue;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Programs whose spans are encoded when they end. What becomes of them in an outage is tested
 * there.
 */
@SuppressWarnings("try")
class OnePassSpanExporterIT {
  private static final String ON = "-Dnatschat.exporter.encode-in-one-pass=true";

  /** To see whether it is at work at all. */
  private static final String CLASSES = "-Xlog:class+load";

  private static final String ENCODER = "dev.natschat.agent.SpanEncoder source";

  /** Makes spans with all that a span may have. */
  static final class Program {
    public static void main(String[] arguments) {
      Tracer tracer = GlobalOpenTelemetry.getTracer("program", "1.0");
      Span parent = tracer.spanBuilder("parent").setSpanKind(SpanKind.SERVER).startSpan();
      try (Scope ignored = parent.makeCurrent()) {
        for (int i = 0; i < 3; i++) {
          Span span =
              tracer
                  .spanBuilder("span \u00fc " + i)
                  .setSpanKind(SpanKind.CLIENT)
                  .setAttribute("text", "as before")
                  .setAttribute("number", i)
                  .setAttribute(AttributeKey.stringArrayKey("texts"), List.of("a", "b"))
                  .addLink(parent.getSpanContext(), Attributes.of(AttributeKey.longKey("link"), 1L))
                  .startSpan();
          span.addEvent("event", Attributes.of(AttributeKey.booleanKey("yes"), true));
          span.recordException(new IllegalStateException("failed"));
          span.setStatus(StatusCode.ERROR, "failed");
          span.end();
        }
        Value<?> map = Value.of(KeyValue.of("key", Value.of(1)));
        Span span = tracer.spanBuilder("map").startSpan();
        span.setAttribute(AttributeKey.valueKey("map"), map);
        span.end();
      }
      parent.end();
      GlobalOpenTelemetry.getTracer("another").spanBuilder("last").startSpan().end();
    }
  }

  @BeforeEach
  void reset() {
    Telemetry.reset();
  }

  @ParameterizedTest
  @ValueSource(strings = {"false", "true"})
  void whatIsExportedIsTheSame(String retried) throws Exception {
    run("-Dnatschat.exporter.retry-until-accepted=" + retried);
    List<io.opentelemetry.proto.trace.v1.Span> plain = spans();
    Telemetry.reset();
    Fork fork = run(ON, CLASSES, "-Dnatschat.exporter.retry-until-accepted=" + retried);
    assertThat(spans()).containsExactlyInAnyOrderElementsOf(plain).hasSize(6);
    assertThat(fork.output()).contains(ENCODER);
  }

  @Test
  void unaskedTheSdkEncodes() throws Exception {
    Fork fork = run(CLASSES);
    assertThat(spans()).hasSize(6);
    assertThat(fork.output()).doesNotContain(ENCODER);
  }

  @Test
  void otherExportersGetTheirSpans() throws Exception {
    Fork fork = run(ON, CLASSES, "-Dotel.traces.exporter=otlp,experimental-otlp/stdout");
    assertThat(spans()).hasSize(6);
    assertThat(fork.output()).contains(ENCODER).contains("\"name\":\"last\"");
  }

  private static Fork run(String... options) throws Exception {
    List<String> all =
        new ArrayList<>(
            List.of(
                "-Dotel.instrumentation.common.default-enabled=false",
                "-Dotel.instrumentation.opentelemetry-api.enabled=true"));
    all.addAll(List.of(options));
    return Fork.traced(all, Program.class);
  }

  /** Without what differs from one run to the next. */
  private static List<io.opentelemetry.proto.trace.v1.Span> spans() {
    return Telemetry.spans().stream().map(OnePassSpanExporterIT::constant).toList();
  }

  private static io.opentelemetry.proto.trace.v1.Span constant(
      io.opentelemetry.proto.trace.v1.Span span) {
    assertThat(span.getTraceId().size()).isEqualTo(16);
    assertThat(span.getSpanId().size()).isEqualTo(8);
    assertThat(span.getEndTimeUnixNano()).isGreaterThanOrEqualTo(span.getStartTimeUnixNano());
    io.opentelemetry.proto.trace.v1.Span.Builder builder =
        span.toBuilder()
            .clearTraceId()
            .clearSpanId()
            .clearParentSpanId()
            .clearStartTimeUnixNano()
            .clearEndTimeUnixNano();
    builder.getEventsBuilderList().forEach(event -> event.clearTimeUnixNano());
    builder.getLinksBuilderList().forEach(link -> link.clearTraceId().clearSpanId());
    return builder.build();
  }
}
