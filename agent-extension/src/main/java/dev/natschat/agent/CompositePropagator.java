package dev.natschat.agent;

import io.opentelemetry.context.propagation.TextMapPropagator;
import java.lang.reflect.Field;

/** What {@link TextMapPropagator#composite} makes. */
final class CompositePropagator {
  private static final String NAME =
      TextMapPropagator.class.getName().replace("TextMap", "MultiTextMap");

  private CompositePropagator() {}

  /**
   * Returns the parts, in their order, so that one can be done without its propagator; the
   * propagator alone where it is no composite, or one whose inside is not known.
   */
  static TextMapPropagator[] partsOf(TextMapPropagator propagator) {
    if (!propagator.getClass().getName().equals(NAME)) {
      return new TextMapPropagator[] {propagator};
    }
    try {
      Field parts = propagator.getClass().getDeclaredField("textMapPropagators");
      parts.setAccessible(true);
      return ((TextMapPropagator[]) parts.get(propagator)).clone();
    } catch (ReflectiveOperationException | LinkageError | RuntimeException unknown) {
      return new TextMapPropagator[] {propagator};
    }
  }
}
