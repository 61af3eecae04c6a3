package dev.natschat.agent;

import static java.util.Arrays.asList;
import static java.util.Collections.singletonMap;

import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigProperties;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Takes the place of the agent's own nats module, unless that one was asked for by name. */
public final class JnatsConfiguration implements AutoConfigurationCustomizerProvider {
  private static final String BUILT_IN_MODULE = "otel.instrumentation.nats.enabled";
  private static final String ATTRIBUTES_AT_START =
      "otel.instrumentation.jnats.attributes-at-start";
  private static final String UNSAMPLED_BY_PARENT =
      "otel.instrumentation.jnats.unsampled-by-parent";
  private static final List<String> FOLLOWING_SAMPLERS =
      asList("parentbased_always_off", "parentbased_traceidratio");
  private static final List<String> BLIND_SAMPLERS =
      asList("always_off", "traceidratio", "parentbased_always_off", "parentbased_traceidratio");

  @Override
  public void customize(AutoConfigurationCustomizer configuration) {
    configuration.addPropertiesCustomizer(JnatsConfiguration::oneModuleOnly);
    configuration.addPropertiesCustomizer(JnatsConfiguration::whatSamplersSee);
    configuration.addPropertiesCustomizer(JnatsConfiguration::whatSamplersFollow);
    configuration.addSamplerCustomizer((sampler, properties) -> new LinkedBatchSampler(sampler));
  }

  /**
   * These samplers decide without attributes, and may say no: none are made until they have said
   * yes. Those that always say yes get them at once, which is cheaper than later.
   */
  static Map<String, String> whatSamplersSee(ConfigProperties properties) {
    String sampler = sampler(properties);
    return properties.getBoolean(ATTRIBUTES_AT_START) == null && BLIND_SAMPLERS.contains(sampler)
        ? singletonMap(ATTRIBUTES_AT_START, "false")
        : Collections.emptyMap();
  }

  /** These sample what follows a sampled parent, and nothing that follows another one. */
  static Map<String, String> whatSamplersFollow(ConfigProperties properties) {
    return properties.getBoolean(UNSAMPLED_BY_PARENT) == null
            && FOLLOWING_SAMPLERS.contains(sampler(properties))
        ? singletonMap(UNSAMPLED_BY_PARENT, "true")
        : Collections.emptyMap();
  }

  private static String sampler(ConfigProperties properties) {
    return properties.getString("otel.traces.sampler", "parentbased_always_on");
  }

  /** Unless somebody asked for the built-in one: then {@link JnatsInstrumentationModule} yields. */
  static Map<String, String> oneModuleOnly(ConfigProperties properties) {
    boolean enabled =
        properties.getBoolean(
            "otel.instrumentation.jnats.enabled",
            properties.getBoolean("otel.instrumentation.common.default-enabled", true));
    return enabled && properties.getBoolean(BUILT_IN_MODULE) == null
        ? singletonMap(BUILT_IN_MODULE, "false")
        : Collections.emptyMap();
  }
}
