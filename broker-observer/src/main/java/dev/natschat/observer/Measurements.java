package dev.natschat.observer;

import io.opentelemetry.api.common.Attributes;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.function.DoubleBinaryOperator;

/** What one round of questions has brought. Filled by one thread, then only read. */
final class Measurements {
  private final Map<Metric, Map<Attributes, Double>> values = new EnumMap<>(Metric.class);

  void put(Metric metric, Attributes of, double value) {
    merge(metric, of, value, (before, now) -> now);
  }

  void add(Metric metric, Attributes of, double value) {
    merge(metric, of, value, Double::sum);
  }

  /** For what several servers say of the same thing. */
  void max(Metric metric, Attributes of, double value) {
    merge(metric, of, value, Math::max);
  }

  private void merge(Metric metric, Attributes of, double value, DoubleBinaryOperator both) {
    values
        .computeIfAbsent(metric, m -> new HashMap<>())
        .merge(of, value, (before, now) -> both.applyAsDouble(before, now));
  }

  Map<Attributes, Double> of(Metric metric) {
    return values.getOrDefault(metric, Map.of());
  }
}
