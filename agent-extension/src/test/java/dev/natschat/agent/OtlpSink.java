package dev.natschat.agent;

import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest;
import io.opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse;
import io.opentelemetry.proto.collector.logs.v1.LogsServiceGrpc;
import io.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest;
import io.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceResponse;
import io.opentelemetry.proto.collector.metrics.v1.MetricsServiceGrpc;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse;
import io.opentelemetry.proto.collector.trace.v1.TraceServiceGrpc;
import io.opentelemetry.proto.common.v1.AnyValue;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.logs.v1.LogRecord;
import io.opentelemetry.proto.metrics.v1.Metric;
import io.opentelemetry.proto.metrics.v1.NumberDataPoint;
import io.opentelemetry.proto.trace.v1.Span;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A receiver of OTLP/gRPC that can be stopped, and started again on the same port. */
@SuppressWarnings("try")
final class OtlpSink implements AutoCloseable {
  final List<String> spans = new CopyOnWriteArrayList<>();
  final List<String> logs = new CopyOnWriteArrayList<>();

  /** By name and attributes, the last value of each sum. */
  final Map<String, Long> sums = new ConcurrentHashMap<>();

  /** What is answered to an export of spans or log records, of which it gets the names. */
  volatile Function<List<String>, Status> answer = names -> Status.OK;

  private final int port;
  private @Nullable Server server;

  private OtlpSink(int port) {
    this.port = port;
  }

  /** Not started. */
  static OtlpSink onFreePort() throws IOException {
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return new OtlpSink(free.getLocalPort());
    }
  }

  OtlpSink start() throws IOException {
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
            .addService(traces())
            .addService(logs())
            .addService(metrics())
            .build()
            .start();
    return this;
  }

  String endpoint() {
    return "http://127.0.0.1:" + port;
  }

  private BindableService traces() {
    return new TraceServiceGrpc.TraceServiceImplBase() {
      @Override
      public void export(
          ExportTraceServiceRequest request, StreamObserver<ExportTraceServiceResponse> observer) {
        List<String> names =
            request.getResourceSpansList().stream()
                .flatMap(resource -> resource.getScopeSpansList().stream())
                .flatMap(scope -> scope.getSpansList().stream())
                .map(Span::getName)
                .toList();
        take(names, spans, observer, ExportTraceServiceResponse.getDefaultInstance());
      }
    };
  }

  private BindableService logs() {
    return new LogsServiceGrpc.LogsServiceImplBase() {
      @Override
      public void export(
          ExportLogsServiceRequest request, StreamObserver<ExportLogsServiceResponse> observer) {
        List<String> names =
            request.getResourceLogsList().stream()
                .flatMap(resource -> resource.getScopeLogsList().stream())
                .flatMap(scope -> scope.getLogRecordsList().stream())
                .map(LogRecord::getBody)
                .map(AnyValue::getStringValue)
                .toList();
        take(names, logs, observer, ExportLogsServiceResponse.getDefaultInstance());
      }
    };
  }

  private <T> void take(
      List<String> names, List<String> kept, StreamObserver<T> observer, T accepted) {
    Status status = answer.apply(names);
    if (status.isOk()) {
      kept.addAll(names);
      observer.onNext(accepted);
      observer.onCompleted();
    } else {
      observer.onError(new StatusRuntimeException(status));
    }
  }

  private BindableService metrics() {
    return new MetricsServiceGrpc.MetricsServiceImplBase() {
      @Override
      public void export(
          ExportMetricsServiceRequest request,
          StreamObserver<ExportMetricsServiceResponse> observer) {
        request.getResourceMetricsList().stream()
            .flatMap(resource -> resource.getScopeMetricsList().stream())
            .flatMap(scope -> scope.getMetricsList().stream())
            .forEach(OtlpSink.this::keep);
        observer.onNext(ExportMetricsServiceResponse.getDefaultInstance());
        observer.onCompleted();
      }
    };
  }

  private void keep(Metric metric) {
    for (NumberDataPoint point : metric.getSum().getDataPointsList()) {
      sums.put(metric.getName() + text(point.getAttributesList()), point.getAsInt());
    }
  }

  private static Map<String, String> text(List<KeyValue> attributes) {
    return new HashMap<>(
        attributes.stream().collect(Collectors.toMap(KeyValue::getKey, OtlpSink::value)));
  }

  private static String value(KeyValue attribute) {
    AnyValue value = attribute.getValue();
    return value.hasBoolValue() ? String.valueOf(value.getBoolValue()) : value.getStringValue();
  }

  void stop() throws InterruptedException {
    if (server != null) {
      server.shutdownNow().awaitTermination();
    }
  }

  @Override
  public void close() throws InterruptedException {
    stop();
  }
}
