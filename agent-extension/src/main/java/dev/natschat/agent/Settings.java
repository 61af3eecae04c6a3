package dev.natschat.agent;

import static java.util.Collections.emptyList;
import static java.util.Collections.singletonList;
import static java.util.stream.Collectors.collectingAndThen;
import static java.util.stream.Collectors.toList;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.incubator.ExtendedOpenTelemetry;
import io.opentelemetry.api.incubator.config.DeclarativeConfigProperties;
import io.opentelemetry.javaagent.bootstrap.internal.ExperimentalConfig;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The settings {@code otel.instrumentation.jnats.*}, as the agent read them: system properties,
 * environment, its configuration file, or the {@code jnats} node of a declarative configuration.
 */
final class Settings {
  private static final Settings CURRENT = new Settings(GlobalOpenTelemetry.get());

  final List<String> batchProcessMethods;
  final List<String> destinationTemplates;
  final List<String> inboxPrefixes;
  final List<String> includedSubjects;
  final List<String> excludedSubjects;
  final @Nullable String traceDestination;
  final boolean legacyAttributes;
  final boolean settleSpans;

  /** Whether samplers see the attributes; some do not look. */
  final boolean attributesAtStart;

  /** Whether what follows an unsampled parent is never sampled. */
  final boolean unsampledByParent;

  final boolean receiveSpans;

  /** Names of headers, with {@code *} and {@code ?}; those excluded win. */
  final List<String> capturedHeaders;

  final List<String> excludedHeaders;

  private Settings(OpenTelemetry openTelemetry) {
    DeclarativeConfigProperties jnats = node(openTelemetry, "jnats");
    batchProcessMethods = list(jnats, "batch_process_methods");
    destinationTemplates = list(jnats, "destination_templates");
    inboxPrefixes = list(jnats, "inbox_prefixes");
    includedSubjects = list(jnats, "include_subjects");
    excludedSubjects = list(jnats, "exclude_subjects");
    traceDestination = text(jnats, "trace_destination");
    legacyAttributes = jnats.getBoolean("legacy_attributes", true);
    attributesAtStart = jnats.getBoolean("attributes_at_start", true);
    unsampledByParent = jnats.getBoolean("unsampled_by_parent", false);
    settleSpans = jnats.getBoolean("settle_spans", true);
    receiveSpans = receiveTelemetry();
    DeclarativeConfigProperties headers =
        node(openTelemetry, "common").get("messaging").get("headers");
    excludedHeaders = list(headers, "excluded");
    capturedHeaders = capturedHeaders(openTelemetry, list(headers, "included"));
  }

  private static DeclarativeConfigProperties node(OpenTelemetry openTelemetry, String name) {
    return openTelemetry instanceof ExtendedOpenTelemetry
        ? ((ExtendedOpenTelemetry) openTelemetry).getInstrumentationConfig(name)
        : DeclarativeConfigProperties.empty();
  }

  static Settings get() {
    return CURRENT;
  }

  private static List<String> list(DeclarativeConfigProperties properties, String name) {
    return properties.getScalarList(name, String.class, emptyList());
  }

  /** An empty one is none, as with all of OpenTelemetry's environment variables. */
  private static @Nullable String text(DeclarativeConfigProperties properties, String name) {
    String text = properties.getString(name, "").trim();
    return text.isEmpty() ? null : text;
  }

  /**
   * The agent's own setting, by today's name, where to exclude some means to include all others, or
   * by the one it had before, which knew no wildcards.
   */
  private List<String> capturedHeaders(OpenTelemetry openTelemetry, List<String> included) {
    if (!included.isEmpty()) {
      return included;
    }
    if (!excludedHeaders.isEmpty()) {
      return singletonList("*");
    }
    return list(node(openTelemetry, "messaging"), "capture_headers/development").stream()
        .filter(name -> !name.contains("*") && !name.contains("?"))
        .collect(collectingAndThen(toList(), Collections::unmodifiableList));
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
