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

/** Another extension, whose sampler drops publishes to chat; it knows them by their attributes. */
public final class LookingSampler implements AutoConfigurationCustomizerProvider, Sampler {
  private static final AttributeKey<String> OPERATION_NAME =
      AttributeKey.stringKey("messaging.operation.name");
  private static final AttributeKey<String> DESTINATION_NAME =
      AttributeKey.stringKey("messaging.destination.name");

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
    String destination = attributes.get(DESTINATION_NAME);
    return "publish".equals(attributes.get(OPERATION_NAME))
            && destination != null
            && destination.startsWith("chat.")
        ? SamplingResult.drop()
        : SamplingResult.recordAndSample();
  }

  @Override
  public String getDescription() {
    return "looking";
  }
}
