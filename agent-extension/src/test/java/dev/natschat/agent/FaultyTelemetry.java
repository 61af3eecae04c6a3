package dev.natschat.agent;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.opentelemetry.context.propagation.TextMapSetter;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Another extension, whose sampler, processor and propagator fail one call in three. */
public final class FaultyTelemetry
    implements AutoConfigurationCustomizerProvider, Sampler, SpanProcessor, TextMapPropagator {
  private final AtomicInteger calls = new AtomicInteger();
  private Sampler sampler = Sampler.alwaysOn();
  private TextMapPropagator propagator = TextMapPropagator.noop();

  @Override
  public void customize(AutoConfigurationCustomizer configuration) {
    configuration.addSamplerCustomizer(
        (found, properties) -> {
          sampler = found;
          return this;
        });
    configuration.addPropagatorCustomizer(
        (found, properties) -> {
          propagator = found;
          return this;
        });
    configuration.addTracerProviderCustomizer(
        (provider, properties) -> provider.addSpanProcessor(this));
  }

  private void fail() {
    if (calls.incrementAndGet() % 3 == 0) {
      throw new IllegalStateException("a fault of another extension");
    }
  }

  @Override
  public SamplingResult shouldSample(
      Context parent,
      String traceId,
      String name,
      SpanKind kind,
      Attributes attributes,
      List<LinkData> links) {
    fail();
    return sampler.shouldSample(parent, traceId, name, kind, attributes, links);
  }

  @Override
  public String getDescription() {
    return "faulty";
  }

  @Override
  public void onStart(Context parent, ReadWriteSpan span) {
    fail();
  }

  @Override
  public boolean isStartRequired() {
    return true;
  }

  @Override
  public void onEnd(ReadableSpan span) {
    fail();
  }

  @Override
  public boolean isEndRequired() {
    return true;
  }

  @Override
  public Collection<String> fields() {
    return propagator.fields();
  }

  @Override
  public <C> void inject(Context context, C carrier, TextMapSetter<C> setter) {
    fail();
    propagator.inject(context, carrier, setter);
  }

  @Override
  public <C> Context extract(Context context, C carrier, TextMapGetter<C> getter) {
    fail();
    return propagator.extract(context, carrier, getter);
  }

  @Override
  public void close() {}

  @Override
  public CompletableResultCode shutdown() {
    return CompletableResultCode.ofSuccess();
  }
}
