package dev.natschat.agent;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.util.List;

/**
 * Records a batch span whenever one of the messages it links to is sampled: else, with sampling by
 * ratio, the links of their spans would lead nowhere. Batches of other systems are not its
 * business.
 */
final class LinkedBatchSampler implements Sampler {
  private final Sampler sampler;

  LinkedBatchSampler(Sampler sampler) {
    this.sampler = sampler;
  }

  @Override
  public SamplingResult shouldSample(
      Context parent,
      String traceId,
      String name,
      SpanKind kind,
      Attributes attributes,
      List<LinkData> links) {
    return Semantics.NATS.equals(attributes.get(Semantics.SYSTEM))
            && attributes.get(Semantics.BATCH_COUNT) != null
            && anySampled(links)
        ? SamplingResult.recordAndSample()
        : sampler.shouldSample(parent, traceId, name, kind, attributes, links);
  }

  private static boolean anySampled(List<LinkData> links) {
    for (LinkData link : links) {
      if (link.getSpanContext().isSampled()) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String getDescription() {
    return "LinkedBatchSampler{" + sampler.getDescription() + "}";
  }
}
