package dev.natschat.agent;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.util.List;

/** Another extension, whose sampler drops publishes; it knows them by an attribute. */
public final class LookingSampler implements AutoConfigurationCustomizerProvider, Sampler {
  private static final AttributeKey<String> OPERATION_NAME =
      AttributeKey.stringKey("messaging.operation.name");

  @Override
  public void customize(AutoConfigurationCustomizer configuration) {
    configuration.addSamplerCustomizer((found, properties) -> this);
  }

  @Override
  public SamplingResult shouldSample(
      Context parent,
      String traceId,
      String name,
      SpanKind kind,
      Attributes attributes,
      List<LinkData> links) {
    return "publish".equals(attributes.get(OPERATION_NAME))
        ? SamplingResult.drop()
        : SamplingResult.recordAndSample();
  }

  @Override
  public String getDescription() {
    return "looking";
  }
}
