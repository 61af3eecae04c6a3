package dev.natschat.agent;

import io.opentelemetry.exporter.internal.marshal.Marshaler;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;
import java.util.Collection;
import org.jspecify.annotations.Nullable;

/**
 * Makes OTLP of spans with {@link SpanEncoder}, and exports it by the way of an OTLP exporter of
 * the SDK: its connection, its retries, its metrics. What the encoder does not know goes to that
 * exporter as it is. For one thread at a time, as exporters are.
 */
final class OnePassSpanExporter implements SpanExporter {
  private static final String PACKAGE = "io.opentelemetry.exporter.otlp.";
  private static final MethodType EXPORT =
      MethodType.methodType(CompletableResultCode.class, Marshaler.class, int.class);

  private final SpanExporter exporter;
  private final MethodHandle sender;
  private final SpanEncoder encoder = new SpanEncoder();

  private OnePassSpanExporter(SpanExporter exporter, MethodHandle sender) {
    this.exporter = exporter;
    this.sender = sender;
  }

  /**
   * Returns the exporter itself where it is none of the SDK's for OTLP.
   *
   * @throws ReflectiveOperationException if it is one whose inside is not known
   */
  static SpanExporter around(SpanExporter exporter) throws ReflectiveOperationException {
    String type = exporter.getClass().getName();
    if (!type.equals(PACKAGE + "trace.OtlpGrpcSpanExporter")
        && !type.equals(PACKAGE + "http.trace.OtlpHttpSpanExporter")) {
      return exporter;
    }
    // No public API takes a message that is made already.
    Field field = exporter.getClass().getDeclaredField("delegate");
    field.setAccessible(true);
    MethodHandle sender =
        MethodHandles.publicLookup()
            .findVirtual(field.getType(), "export", EXPORT)
            .bindTo(field.get(exporter));
    return new OnePassSpanExporter(exporter, sender);
  }

  @Override
  public CompletableResultCode export(Collection<SpanData> spans) {
    EncodedRequest request;
    try {
      request = encoded(spans);
    } catch (RuntimeException | LinkageError fault) {
      Faults.report(fault);
      request = null;
    }
    return request == null ? exporter.export(spans) : send(request, spans.size());
  }

  private @Nullable EncodedRequest encoded(Collection<SpanData> spans) {
    EncodedRequest.Builder request = new EncodedRequest.Builder();
    for (SpanData span : spans) {
      byte[] bytes = encoder.encode(span);
      if (bytes == null) {
        return null;
      }
      request.add(span, bytes);
    }
    return request.build();
  }

  private CompletableResultCode send(Marshaler request, int spans) {
    try {
      return (CompletableResultCode) sender.invokeExact(request, spans);
    } catch (Throwable fault) {
      return CompletableResultCode.ofExceptionalFailure(fault);
    }
  }

  @Override
  public CompletableResultCode flush() {
    return exporter.flush();
  }

  @Override
  public CompletableResultCode shutdown() {
    return exporter.shutdown();
  }

  @Override
  public String toString() {
    return "OnePassSpanExporter{" + exporter + "}";
  }
}
