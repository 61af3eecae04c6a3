package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.api.baggage.propagation.W3CBaggagePropagator;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.opentelemetry.context.propagation.TextMapSetter;
import java.util.Collection;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class CompositePropagatorTest {
  private static final TextMapPropagator TRACE_CONTEXT = W3CTraceContextPropagator.getInstance();
  private static final TextMapPropagator BAGGAGE = W3CBaggagePropagator.getInstance();

  /** Else what is injected would be right, and slower. */
  @Test
  void whatACompositeIsMadeOfIsKnown() {
    TextMapPropagator both = TextMapPropagator.composite(TRACE_CONTEXT, BAGGAGE);
    assertThat(CompositePropagator.partsOf(both)).containsExactly(TRACE_CONTEXT, BAGGAGE);
  }

  @Test
  void whatIsNoCompositeIsItsOnlyPart() {
    TextMapPropagator lookAlike = new LookAlike(TRACE_CONTEXT);
    assertThat(CompositePropagator.partsOf(BAGGAGE)).containsExactly(BAGGAGE);
    assertThat(CompositePropagator.partsOf(lookAlike)).containsExactly(lookAlike);
  }

  /** Somebody else's, which may inject what and when it likes. */
  private static final class LookAlike implements TextMapPropagator {
    private final TextMapPropagator[] textMapPropagators;

    LookAlike(TextMapPropagator... textMapPropagators) {
      this.textMapPropagators = textMapPropagators;
    }

    @Override
    public Collection<String> fields() {
      return textMapPropagators[0].fields();
    }

    @Override
    public <C> void inject(Context context, @Nullable C carrier, TextMapSetter<C> setter) {}

    @Override
    public <C> Context extract(Context context, @Nullable C carrier, TextMapGetter<C> getter) {
      return context;
    }
  }
}
