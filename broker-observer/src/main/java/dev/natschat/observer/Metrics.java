package dev.natschat.observer;

import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.ObservableDoubleMeasurement;

/** Offers the newest measurements to whoever exports them. */
final class Metrics {
  private volatile Measurements newest = new Measurements();

  Metrics(Meter meter) {
    for (Metric metric : Metric.values()) {
      register(meter, metric);
    }
  }

  /** A series that is not in these measurements ends. */
  void show(Measurements measurements) {
    newest = measurements;
  }

  @SuppressWarnings({"resource", "MustBeClosed"}) // instruments live as long as the process
  private void register(Meter meter, Metric metric) {
    switch (metric.kind) {
      case GAUGE ->
          meter
              .gaugeBuilder(metric.instrument)
              .setUnit(metric.unit)
              .setDescription(metric.description)
              .buildWithCallback(measurement -> record(metric, measurement));
      case COUNTER ->
          meter
              .counterBuilder(metric.instrument)
              .ofDoubles()
              .setUnit(metric.unit)
              .setDescription(metric.description)
              .buildWithCallback(measurement -> record(metric, measurement));
    }
  }

  private void record(Metric metric, ObservableDoubleMeasurement measurement) {
    newest.of(metric).forEach((of, value) -> measurement.record(value, of));
  }
}
