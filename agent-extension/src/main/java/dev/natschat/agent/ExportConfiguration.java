package dev.natschat.agent;

import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigProperties;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.function.UnaryOperator;

/**
 * Lets spans and log records be exported until they are accepted, where {@value #SETTING} asks for
 * it. Not below {@code otel.}, for that is OpenTelemetry's own, nor below {@code
 * otel.instrumentation.jnats.}, for it has nothing to do with jnats.
 */
public final class ExportConfiguration implements AutoConfigurationCustomizerProvider {
  static final String SETTING = "natschat.exporter.retry-until-accepted";
  private static final Duration TIMEOUT = Duration.ofSeconds(10); // the agent's own default

  @Override
  public void customize(AutoConfigurationCustomizer configuration) {
    configuration.addSpanExporterCustomizer(ExportConfiguration::untilAccepted);
    configuration.addLogRecordExporterCustomizer(
        (exporter, properties) ->
            asked(
                properties,
                exporter,
                found -> RetryingLogRecordExporter.untilExit(found, timeout(properties, "logs"))));
  }

  /**
   * For a program that exports spans by itself, from a batch processor of the SDK: the exporter as
   * the agent would have it with the same settings.
   */
  public static SpanExporter untilAccepted(SpanExporter exporter, ConfigProperties properties) {
    return asked(
        properties,
        exporter,
        found -> new RetryingSpanExporter(found, timeout(properties, "traces")));
  }

  /**
   * For a program that exports log records by itself, in a thread that may wait, and that has them
   * still when they are not accepted; so {@value #SETTING} is not asked. An export ends when each
   * record is accepted or refused for good, and counted as that. It ends early, unsuccessfully and
   * with the interrupt still set, when its thread is interrupted: then the same may be exported
   * later.
   */
  public static LogRecordExporter untilAcceptedOrInterrupted(
      LogRecordExporter exporter, ConfigProperties properties) {
    return RetryingLogRecordExporter.untilInterrupted(exporter, timeout(properties, "logs"));
  }

  /** Last: around what other extensions made of the exporter. */
  @Override
  public int order() {
    return Integer.MAX_VALUE;
  }

  private static <T> T asked(ConfigProperties properties, T exporter, UnaryOperator<T> retrying) {
    try {
      return properties.getBoolean(SETTING, false) ? retrying.apply(exporter) : exporter;
    } catch (RuntimeException | LinkageError fault) {
      Faults.report(fault);
      return exporter;
    }
  }

  private static Duration timeout(ConfigProperties properties, String signal) {
    return properties.getDuration(
        "otel.exporter.otlp." + signal + ".timeout",
        properties.getDuration("otel.exporter.otlp.timeout", TIMEOUT));
  }
}
