package dev.natschat.agent;

import static java.util.Collections.emptyList;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.incubator.ExtendedOpenTelemetry;
import io.opentelemetry.api.incubator.config.DeclarativeConfigProperties;
import io.opentelemetry.javaagent.bootstrap.internal.ExperimentalConfig;
import java.util.List;

/**
 * The settings {@code otel.instrumentation.jnats.*}, as the agent read them: system properties,
 * environment, its configuration file, or the {@code jnats} node of a declarative configuration.
 */
final class Settings {
  private static final Settings CURRENT = new Settings(GlobalOpenTelemetry.get());

  final List<String> batchProcessMethods;
  final List<String> destinationTemplates;
  final List<String> inboxPrefixes;
  final boolean settleSpans;
  final boolean receiveSpans;

  private Settings(OpenTelemetry openTelemetry) {
    DeclarativeConfigProperties jnats =
        openTelemetry instanceof ExtendedOpenTelemetry
            ? ((ExtendedOpenTelemetry) openTelemetry).getInstrumentationConfig("jnats")
            : DeclarativeConfigProperties.empty();
    batchProcessMethods = list(jnats, "batch_process_methods");
    destinationTemplates = list(jnats, "destination_templates");
    inboxPrefixes = list(jnats, "inbox_prefixes");
    settleSpans = jnats.getBoolean("settle_spans", true);
    receiveSpans = receiveTelemetry();
  }

  static Settings get() {
    return CURRENT;
  }

  private static List<String> list(DeclarativeConfigProperties properties, String name) {
    return properties.getScalarList(name, String.class, emptyList());
  }

  /** The agent's own setting for all messaging instrumentations. */
  private static boolean receiveTelemetry() {
    try {
      return ExperimentalConfig.get().messagingReceiveInstrumentationEnabled();
    } catch (LinkageError otherAgent) {
      return false;
    }
  }
}
