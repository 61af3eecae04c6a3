package dev.natschat.chaos;

import com.google.protobuf.InvalidProtocolBufferException;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCalls;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Counts spans where there is no Tempo to keep them. Going away and coming back on the same port is
 * to the Collector what kill -9 of Tempo is.
 */
final class SpanSink {
  private static final int LARGEST_EXPORT = 64 * 1024 * 1024;

  private final int port;
  private final AtomicLong spans = new AtomicLong();
  private @Nullable Server server;

  SpanSink(int port) {
    this.port = port;
  }

  synchronized void open() throws IOException {
    if (server == null) {
      server =
          NettyServerBuilder.forAddress(
                  new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
              .maxInboundMessageSize(LARGEST_EXPORT)
              .addService(service("trace.v1.TraceService", true))
              .addService(service("logs.v1.LogsService", false))
              .build()
              .start();
    }
  }

  synchronized void close() throws InterruptedException {
    if (server != null) {
      server.shutdownNow().awaitTermination();
      server = null;
    }
  }

  long spans() {
    return spans.get();
  }

  private ServerServiceDefinition service(String name, boolean count) {
    String fullName = "opentelemetry.proto.collector." + name;
    MethodDescriptor<byte[], byte[]> export =
        MethodDescriptor.<byte[], byte[]>newBuilder()
            .setType(MethodType.UNARY)
            .setFullMethodName(MethodDescriptor.generateFullMethodName(fullName, "Export"))
            .setRequestMarshaller(new Bytes())
            .setResponseMarshaller(new Bytes())
            .build();
    return ServerServiceDefinition.builder(fullName)
        .addMethod(
            export,
            ServerCalls.asyncUnaryCall(
                (request, answer) -> {
                  if (count) {
                    spans.addAndGet(spansOf(request));
                  }
                  answer.onNext(new byte[0]); // the empty message: all accepted
                  answer.onCompleted();
                }))
        .build();
  }

  private static long spansOf(byte[] export) {
    try {
      return ExportTraceServiceRequest.parseFrom(export).getResourceSpansList().stream()
          .flatMap(resource -> resource.getScopeSpansList().stream())
          .mapToLong(scope -> scope.getSpansCount())
          .sum();
    } catch (InvalidProtocolBufferException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
