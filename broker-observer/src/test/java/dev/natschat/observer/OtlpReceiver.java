package dev.natschat.observer;

import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest;
import io.opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse;
import io.opentelemetry.proto.collector.logs.v1.LogsServiceGrpc;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse;
import io.opentelemetry.proto.collector.trace.v1.TraceServiceGrpc;
import io.opentelemetry.proto.logs.v1.LogRecord;
import io.opentelemetry.proto.logs.v1.ResourceLogs;
import io.opentelemetry.proto.trace.v1.Span;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Takes spans and log records by OTLP/gRPC, at most 4 MB of them at once as a Collector does. */
@SuppressWarnings("try")
final class OtlpReceiver implements AutoCloseable {
  /** The names of those that were accepted. */
  final List<String> spans = new CopyOnWriteArrayList<>();

  /** Those that were accepted, by their resource. */
  final List<ResourceLogs> logs = new CopyOnWriteArrayList<>();

  final AtomicInteger exports = new AtomicInteger();

  /** How many spans or log records the largest of them had. */
  final AtomicInteger largest = new AtomicInteger();

  /**
   * What is answered to an export of spans with these names, or records with these texts; null:
   * nothing, ever.
   */
  volatile Function<List<String>, @Nullable Status> answer = names -> Status.OK;

  private final int port;
  private @Nullable Server server;

  /** Not started. */
  OtlpReceiver() throws IOException {
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
  }

  String endpoint() {
    return "http://127.0.0.1:" + port;
  }

  void start() throws IOException {
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
            .addService(new Traces())
            .addService(new Logs())
            .build()
            .start();
  }

  private final class Traces extends TraceServiceGrpc.TraceServiceImplBase {
    @Override
    public void export(
        ExportTraceServiceRequest request, StreamObserver<ExportTraceServiceResponse> observer) {
      List<String> names =
          request.getResourceSpansList().stream()
              .flatMap(resource -> resource.getScopeSpansList().stream())
              .flatMap(scope -> scope.getSpansList().stream())
              .map(Span::getName)
              .toList();
      answer(
          names,
          () -> spans.addAll(names),
          ExportTraceServiceResponse.getDefaultInstance(),
          observer);
    }
  }

  private final class Logs extends LogsServiceGrpc.LogsServiceImplBase {
    @Override
    public void export(
        ExportLogsServiceRequest request, StreamObserver<ExportLogsServiceResponse> observer) {
      answer(
          texts(request.getResourceLogsList()),
          () -> logs.addAll(request.getResourceLogsList()),
          ExportLogsServiceResponse.getDefaultInstance(),
          observer);
    }
  }

  private <T> void answer(
      List<String> names, Runnable keep, T accepted, StreamObserver<T> observer) {
    exports.incrementAndGet();
    largest.accumulateAndGet(names.size(), Math::max);
    Status status = answer.apply(names);
    if (status == null) {
      return;
    }
    if (status.isOk()) {
      keep.run();
      observer.onNext(accepted);
      observer.onCompleted();
    } else {
      observer.onError(new StatusRuntimeException(status));
    }
  }

  /** Of the log records that were accepted. */
  List<String> texts() {
    return texts(logs);
  }

  List<LogRecord> records() {
    return records(logs);
  }

  private static List<String> texts(List<ResourceLogs> logs) {
    return records(logs).stream().map(record -> record.getBody().getStringValue()).toList();
  }

  private static List<LogRecord> records(List<ResourceLogs> logs) {
    return logs.stream()
        .flatMap(resource -> resource.getScopeLogsList().stream())
        .flatMap(scope -> scope.getLogRecordsList().stream())
        .toList();
  }

  @Override
  public void close() throws InterruptedException {
    if (server != null) {
      server.shutdownNow().awaitTermination();
    }
  }
}
