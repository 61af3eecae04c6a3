package dev.natschat.agent;

import io.opentelemetry.api.incubator.config.DeclarativeConfigException;
import io.opentelemetry.api.incubator.config.DeclarativeConfigProperties;
import io.opentelemetry.sdk.autoconfigure.declarativeconfig.DeclarativeConfiguration;
import io.opentelemetry.sdk.autoconfigure.spi.internal.ComponentProvider;
import io.opentelemetry.sdk.trace.samplers.Sampler;

/**
 * The sampler {@value #NAME} of a declarative configuration file, around the one below its {@value
 * #SAMPLER}. With properties {@link JnatsConfiguration} wraps whatever sampler there is; a file
 * says all that there is by itself.
 */
public final class LinkedBatchSamplerProvider implements ComponentProvider {
  static final String NAME = "jnats_linked_batch";
  static final String SAMPLER = "sampler";

  @Override
  public Class<Sampler> getType() {
    return Sampler.class;
  }

  @Override
  public String getName() {
    return NAME;
  }

  /**
   * @throws DeclarativeConfigException where there is no sampler to ask
   */
  @Override
  public Sampler create(DeclarativeConfigProperties properties) {
    DeclarativeConfigProperties sampler = properties.getStructured(SAMPLER);
    if (sampler == null) {
      throw new DeclarativeConfigException(
          NAME
              + " needs the sampler that decides about all other spans, as in "
              + NAME
              + ": {sampler: {parent_based: {root: {trace_id_ratio_based: {ratio: 0.01}}}}}");
    }
    return new LinkedBatchSampler(DeclarativeConfiguration.createSampler(sampler));
  }
}
