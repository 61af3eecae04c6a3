package dev.natschat.observer;

import dev.natschat.agent.ExportConfiguration;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The exporters and the resource that the environment describes ({@code OTEL_EXPORTER_OTLP_*},
 * {@code OTEL_RESOURCE_ATTRIBUTES}), as the agent reads it; spans and log records are exported
 * until they are accepted, by the agent extension's own classes. The SDK is asked for these alone:
 * it makes no span and no log record.
 */
record Exporters(SpanExporter spans, LogRecordExporter logs, Resource resource) {

  static Exporters fromEnvironment() {
    AtomicReference<SpanExporter> spans = new AtomicReference<>();
    AtomicReference<LogRecordExporter> logs = new AtomicReference<>();
    AtomicReference<Resource> resource = new AtomicReference<>();
    AutoConfiguredOpenTelemetrySdk.builder()
        .addPropertiesSupplier(
            () ->
                Map.of(
                    "otel.exporter.otlp.protocol", "grpc",
                    "otel.metrics.exporter", "none",
                    "natschat.exporter.retry-until-accepted", "true"))
        .addSpanExporterCustomizer(
            (configured, properties) -> {
              spans.set(ExportConfiguration.untilAccepted(configured, properties));
              return configured;
            })
        .addLogRecordExporterCustomizer(
            (configured, properties) -> {
              logs.set(
                  ExportConfiguration.untilAcceptedOrInterrupted(
                      new RecentLogRecords(configured), properties));
              return configured;
            })
        .addResourceCustomizer(
            (configured, properties) -> {
              resource.set(configured);
              return configured;
            })
        .disableShutdownHook()
        .build();
    return new Exporters(
        Objects.requireNonNull(spans.get(), "OTEL_TRACES_EXPORTER"),
        Objects.requireNonNull(logs.get(), "OTEL_LOGS_EXPORTER"),
        Objects.requireNonNull(resource.get()));
  }
}
