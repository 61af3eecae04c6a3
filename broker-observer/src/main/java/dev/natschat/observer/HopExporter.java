package dev.natschat.observer;

import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The exporter and the resource that the environment describes ({@code OTEL_EXPORTER_OTLP_*},
 * {@code OTEL_RESOURCE_ATTRIBUTES}), as the agent reads it. The SDK is asked for these alone: it
 * makes no span.
 */
record HopExporter(SpanExporter exporter, Resource resource) {

  static HopExporter fromEnvironment() {
    AtomicReference<SpanExporter> exporter = new AtomicReference<>();
    AtomicReference<Resource> resource = new AtomicReference<>();
    AutoConfiguredOpenTelemetrySdk.builder()
        .addPropertiesSupplier(
            () ->
                Map.of(
                    "otel.exporter.otlp.protocol", "grpc",
                    "otel.metrics.exporter", "none",
                    "otel.logs.exporter", "none"))
        .addSpanExporterCustomizer(
            (configured, properties) -> {
              exporter.set(configured);
              return configured;
            })
        .addResourceCustomizer(
            (configured, properties) -> {
              resource.set(configured);
              return configured;
            })
        .disableShutdownHook()
        .build();
    return new HopExporter(
        Objects.requireNonNull(exporter.get(), "OTEL_TRACES_EXPORTER"),
        Objects.requireNonNull(resource.get()));
  }
}
