package dev.natschat.benchmarks;

import io.opentelemetry.sdk.autoconfigure.spi.ConfigProperties;
import io.opentelemetry.sdk.autoconfigure.spi.traces.ConfigurableSpanExporterProvider;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Collection;

/**
 * {@code otel.traces.exporter=discard}: spans go through the batch processor and end there, so that
 * no export disturbs the measurement. Public for the agent, which takes this jar as an extension.
 */
public final class DiscardingExporterProvider implements ConfigurableSpanExporterProvider {
  /** Room for a burst: a span that is dropped would be a cheap one. */
  static final int QUEUE = 65536;

  @Override
  public String getName() {
    return "discard";
  }

  @Override
  public SpanExporter createExporter(ConfigProperties config) {
    return new Discarding();
  }

  static final class Discarding implements SpanExporter {
    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode flush() {
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode shutdown() {
      return CompletableResultCode.ofSuccess();
    }
  }
}
