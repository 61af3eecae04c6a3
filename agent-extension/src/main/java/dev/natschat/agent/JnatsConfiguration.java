package dev.natschat.agent;

import static java.util.Collections.singletonMap;

import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigProperties;
import java.util.Collections;
import java.util.Map;
import java.util.logging.Logger;

/** Takes the place of the agent's own nats module, unless that one was asked for by name. */
public final class JnatsConfiguration implements AutoConfigurationCustomizerProvider {
  private static final Logger logger = Logger.getLogger("dev.natschat.agent");

  @Override
  public void customize(AutoConfigurationCustomizer configuration) {
    configuration.addPropertiesCustomizer(JnatsConfiguration::oneModuleOnly);
    configuration.addSamplerCustomizer((sampler, properties) -> new LinkedBatchSampler(sampler));
  }

  static Map<String, String> oneModuleOnly(ConfigProperties properties) {
    if (properties.getBoolean("otel.instrumentation.nats.enabled", false)) {
      logger.warning(
          "otel.instrumentation.nats.enabled=true: the agent's own module traces jnats,"
              + " the jnats extension stays off.");
      return singletonMap("otel.instrumentation.jnats.enabled", "false");
    }
    boolean enabled =
        properties.getBoolean(
            "otel.instrumentation.jnats.enabled",
            properties.getBoolean("otel.instrumentation.common.default-enabled", true));
    return enabled
        ? singletonMap("otel.instrumentation.nats.enabled", "false")
        : Collections.emptyMap();
  }
}
