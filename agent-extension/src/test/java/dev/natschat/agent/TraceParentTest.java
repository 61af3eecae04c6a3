package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanId;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceId;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What is read at a glance, compared with what the propagator reads. */
class TraceParentTest {
  private static final String UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

  private static final String CHARACTERS = "00123456789abcdefgAF-- \u00e9";

  @Test
  void whatIsUnsampledAtAGlanceIsSoForThePropagator() {
    assertThat(TraceParent.isUnsampled(UNSAMPLED)).isTrue();
    assertThat(TraceParent.isUnsampled(withFlags("02"))).as("as the SDK writes it").isTrue();
    for (String sampled : List.of("01", "03", "ff")) {
      assertThat(TraceParent.isUnsampled(withFlags(sampled))).as(sampled).isFalse();
    }
    Random random = new Random(1);
    int alike = 0;
    for (int i = 0; i < 200_000; i++) {
      String traceParent = mutated(random);
      SpanContext context = extract(traceParent);
      boolean unsampled = context.isValid() && !context.isSampled();
      if (TraceParent.isUnsampled(traceParent)) {
        assertThat(unsampled).as(traceParent).isTrue();
        alike++;
      }
    }
    assertThat(alike).isPositive();
  }

  @Test
  void whatIsReadIsReadSoByThePropagator() {
    for (String flags : List.of("00", "01", "02", "03")) {
      assertThat(TraceParent.read(withFlags(flags))).isEqualTo(extract(withFlags(flags)));
    }
    Random random = new Random(3);
    int read = 0;
    for (int i = 0; i < 200_000; i++) {
      String traceParent = mutated(random);
      SpanContext context = TraceParent.read(traceParent);
      if (context != null) {
        assertThat(context).as(traceParent).isEqualTo(extract(traceParent));
        assertThat(context.isValid()).as(traceParent).isTrue();
        read++;
      }
    }
    assertThat(read).isPositive();
  }

  @Test
  void idsOfZerosAreNone() {
    for (String none :
        List.of(
            "00-00000000000000000000000000000000-b7ad6b7169203331-00",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-00")) {
      assertThat(extract(none).isValid()).isFalse();
      assertThat(TraceParent.isUnsampled(none)).as(none).isFalse();
      assertThat(TraceParent.read(none)).as(none).isNull();
    }
  }

  @Test
  void itIsWrittenAsByThePropagator() {
    Random random = new Random(2);
    for (int flags = 0; flags < 256; flags++) {
      SpanContext span =
          SpanContext.create(
              TraceId.fromLongs(random.nextLong(), random.nextLong()),
              SpanId.fromLong(random.nextLong()),
              TraceFlags.fromByte((byte) flags),
              TraceState.getDefault());
      Map<String, String> expected = new HashMap<>();
      W3CTraceContextPropagator.getInstance()
          .inject(Context.root().with(Span.wrap(span)), expected, Map::put);
      assertThat(expected).containsExactly(Map.entry("traceparent", TraceParent.of(span)));
    }
  }

  private static String withFlags(String flags) {
    return UNSAMPLED.substring(0, UNSAMPLED.length() - 2) + flags;
  }

  /** One to three characters are another one, missing or too many. */
  private static String mutated(Random random) {
    StringBuilder text = new StringBuilder(UNSAMPLED);
    for (int i = random.nextInt(3); i >= 0; i--) {
      int at = random.nextInt(text.length());
      char c = CHARACTERS.charAt(random.nextInt(CHARACTERS.length()));
      switch (random.nextInt(8)) {
        case 0 -> text.deleteCharAt(at);
        case 1 -> text.insert(at, c);
        default -> text.setCharAt(at, c);
      }
    }
    return text.toString();
  }

  @SuppressWarnings("deprecation") // still abstract
  private static SpanContext extract(String traceParent) {
    Context context =
        W3CTraceContextPropagator.getInstance()
            .extract(
                Context.root(),
                traceParent,
                new TextMapGetter<String>() {
                  @Override
                  public Iterable<String> keys(String carrier) {
                    return List.of("traceparent");
                  }

                  @Override
                  public @Nullable String get(@Nullable String carrier, String key) {
                    return key.equals("traceparent") ? carrier : null;
                  }
                });
    return Span.fromContext(context).getSpanContext();
  }
}
