package dev.natschat.agent;

import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigProperties;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.function.UnaryOperator;

/**
 * Lets spans be encoded in one pass, where {@value #ONE_PASS} asks for it, and spans and log
 * records be exported until they are accepted, where {@value #RETRY} does. Not below {@code otel.},
 * for that is OpenTelemetry's own, nor below {@code otel.instrumentation.jnats.}, for it has
 * nothing to do with jnats.
 */
public final class ExportConfiguration implements AutoConfigurationCustomizerProvider {
  static final String ONE_PASS = "natschat.exporter.encode-in-one-pass";
  static final String RETRY = "natschat.exporter.retry-until-accepted";
  private static final Duration TIMEOUT = Duration.ofSeconds(10); // the agent's own default

  @Override
  public void customize(AutoConfigurationCustomizer configuration) {
    configuration.addSpanExporterCustomizer(
        (exporter, properties) -> untilAccepted(onePass(exporter, properties), properties));
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
   * still when they are not accepted; so {@value #RETRY} is not asked. An export ends when each
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

  /** JSON is not what it makes. */
  private static SpanExporter onePass(SpanExporter exporter, ConfigProperties properties) {
    try {
      String protocol =
          properties.getString(
              "otel.exporter.otlp.traces.protocol",
              properties.getString("otel.exporter.otlp.protocol", ""));
      return properties.getBoolean(ONE_PASS, false) && !protocol.equals("http/json")
          ? OnePassSpanExporter.around(exporter)
          : exporter;
    } catch (ReflectiveOperationException | RuntimeException | LinkageError fault) {
      Faults.misconfigured(ONE_PASS + ": off, for " + exporter + " is not known (" + fault + ")");
      return exporter;
    }
  }

  private static <T> T asked(ConfigProperties properties, T exporter, UnaryOperator<T> retrying) {
    try {
      return properties.getBoolean(RETRY, false) ? retrying.apply(exporter) : exporter;
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
