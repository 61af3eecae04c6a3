package dev.natschat.observer;

import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse;
import io.opentelemetry.proto.collector.trace.v1.TraceServiceGrpc;
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

/** Takes spans by OTLP/gRPC, at most 4 MB of them at once as a Collector does. */
@SuppressWarnings("try")
final class SpanCollector extends TraceServiceGrpc.TraceServiceImplBase implements AutoCloseable {
  /** The names of those that were accepted. */
  final List<String> spans = new CopyOnWriteArrayList<>();

  final AtomicInteger exports = new AtomicInteger();

  /** How many spans the largest of them had. */
  final AtomicInteger largest = new AtomicInteger();

  /** What is answered to an export of spans with these names; null: nothing, ever. */
  volatile Function<List<String>, @Nullable Status> answer = names -> Status.OK;

  private final int port;
  private @Nullable Server server;

  /** Not started. */
  SpanCollector() throws IOException {
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
            .addService(this)
            .build()
            .start();
  }

  @Override
  public void export(
      ExportTraceServiceRequest request, StreamObserver<ExportTraceServiceResponse> observer) {
    exports.incrementAndGet();
    List<String> names =
        request.getResourceSpansList().stream()
            .flatMap(resource -> resource.getScopeSpansList().stream())
            .flatMap(scope -> scope.getSpansList().stream())
            .map(Span::getName)
            .toList();
    largest.accumulateAndGet(names.size(), Math::max);
    Status status = answer.apply(names);
    if (status == null) {
      return;
    }
    if (status.isOk()) {
      spans.addAll(names);
      observer.onNext(ExportTraceServiceResponse.getDefaultInstance());
      observer.onCompleted();
    } else {
      observer.onError(new StatusRuntimeException(status));
    }
  }

  @Override
  public void close() throws InterruptedException {
    if (server != null) {
      server.shutdownNow().awaitTermination();
    }
  }
}
