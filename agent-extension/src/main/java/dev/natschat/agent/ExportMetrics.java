package dev.natschat.agent;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;

/** Made with the first export: before, there is no meter to make them with. */
final class ExportMetrics {
  private final Attributes attributes;
  private final LongCounter retries;
  private final LongCounter lost;

  ExportMetrics(String signal) {
    attributes = Attributes.of(AttributeKey.stringKey("signal"), signal);
    Meter meter =
        GlobalOpenTelemetry.get()
            .getMeterProvider()
            .meterBuilder(Spans.SCOPE)
            .setInstrumentationVersion(Spans.VERSION)
            .build();
    retries =
        meter
            .counterBuilder("telemetry.export.retries")
            .setUnit("{retry}")
            .setDescription(
                "Batches of spans or log records that were not accepted, and sent again.")
            .build();
    lost =
        meter
            .counterBuilder("telemetry.export.lost")
            .setUnit("{item}")
            .setDescription(
                "Spans or log records that were refused for good, or not accepted when the JVM ended.")
            .build();
    retries.add(0, attributes);
    lost.add(0, attributes);
  }

  void again() {
    retries.add(1, attributes);
  }

  void lost(int items) {
    lost.add(items, attributes);
  }
}
