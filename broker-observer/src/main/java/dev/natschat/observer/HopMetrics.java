package dev.natschat.observer;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.util.EnumMap;
import java.util.Map;

/** Counts what {@link HopMetric} names. */
final class HopMetrics {
  static final Attributes FORGED = because("forged");
  static final Attributes BY_LEAFNODE = because("leafnode");
  static final Attributes MALFORMED = because("malformed");
  static final Attributes OVERLOAD = because("overload");
  static final Attributes EXPORT = because("export");

  private final Map<HopMetric, LongCounter> counters = new EnumMap<>(HopMetric.class);

  HopMetrics(Meter meter) {
    for (HopMetric metric : HopMetric.values()) {
      counters.put(
          metric,
          meter
              .counterBuilder(metric.instrument)
              .setUnit(metric.unit)
              .setDescription(metric.description)
              .build());
      switch (metric) { // 0 to begin with: the first that is counted shall be seen
        case REFUSED -> {
          count(metric, 0, FORGED);
          count(metric, 0, BY_LEAFNODE);
          count(metric, 0, MALFORMED);
        }
        case DROPPED -> {
          count(metric, 0, OVERLOAD);
          count(metric, 0, EXPORT);
        }
        default -> count(metric, 0);
      }
    }
  }

  private static Attributes because(String reason) {
    return Attributes.of(AttributeKey.stringKey("reason"), reason);
  }

  void count(HopMetric metric, long more) {
    count(metric, more, Attributes.empty());
  }

  void count(HopMetric metric, long more, Attributes of) {
    LongCounter counter = counters.get(metric);
    if (counter != null) {
      counter.add(more, of);
    }
  }
}
