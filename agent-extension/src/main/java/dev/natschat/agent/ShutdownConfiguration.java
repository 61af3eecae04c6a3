package dev.natschat.agent;

import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizer;
import io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigProperties;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SdkTracerProviderBuilder;
import io.opentelemetry.sdk.trace.SpanProcessor;
import java.util.HashSet;
import java.util.Set;

/**
 * Lets the SDK's shutdown wait for the threads that {@value #SETTING} names. The agent shuts the
 * SDK down in a shutdown hook, and the JVM runs all of these at once: what a program still does in
 * its own would not be exported.
 */
public final class ShutdownConfiguration implements AutoConfigurationCustomizerProvider {
  static final String SETTING = "natschat.shutdown.after-threads";

  @Override
  public void customize(AutoConfigurationCustomizer configuration) {
    configuration.addTracerProviderCustomizer(ShutdownConfiguration::customize);
  }

  private static SdkTracerProviderBuilder customize(
      SdkTracerProviderBuilder provider, ConfigProperties properties) {
    try {
      Set<String> threads = new HashSet<>(properties.getList(SETTING));
      if (!threads.isEmpty()) {
        Exit.beginsAfter(threads);
        // The SDK shuts down traces, metrics and logs in this order, processors in theirs.
        provider.addSpanProcessorFirst(new Waiting());
      }
    } catch (RuntimeException | LinkageError fault) {
      Faults.report(fault);
    }
    return provider;
  }

  private static final class Waiting implements SpanProcessor {
    @Override
    public CompletableResultCode shutdown() {
      Exit.awaitApplication();
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public boolean isStartRequired() {
      return false;
    }

    @Override
    public boolean isEndRequired() {
      return false;
    }

    @Override
    public void onStart(Context parent, ReadWriteSpan span) {}

    @Override
    public void onEnd(ReadableSpan span) {}
  }
}
