package dev.natschat.benchmarks;

import com.google.protobuf.InvalidProtocolBufferException;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCalls;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.trace.v1.Span;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.LongAdder;

/**
 * Takes every OTLP/gRPC export, keeps traces as the bytes they are, and reads them when all is
 * over.
 */
final class TraceSink implements AutoCloseable {
  private final Queue<byte[]> exports = new ConcurrentLinkedQueue<>();
  private final Server server;

  private final LongAdder counted = new LongAdder();
  private final Manner manner;
  private final int port;

  /** What it does with what comes. */
  private enum Manner {
    KEEPING,
    COUNTING,
    /** As a Collector that hangs: neither kept nor answered. */
    SILENT
  }

  private TraceSink(Manner manner) throws IOException {
    this.manner = manner;
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .maxInboundMessageSize(64 * 1024 * 1024)
            .addService(service("trace.v1.TraceService", true))
            .addService(service("metrics.v1.MetricsService", false))
            .addService(service("logs.v1.LogsService", false))
            .build()
            .start();
    port = server.getPort();
  }

  static TraceSink start() throws IOException {
    return new TraceSink(Manner.KEEPING);
  }

  /** For a long time: keeps nothing. */
  static TraceSink startCounting() throws IOException {
    return new TraceSink(Manner.COUNTING);
  }

  /** Takes what comes, and never answers. */
  static TraceSink startSilent() throws IOException {
    return new TraceSink(Manner.SILENT);
  }

  String endpoint() {
    return "http://127.0.0.1:" + port;
  }

  /** How many spans came so far. */
  long spans() throws InvalidProtocolBufferException {
    long count = counted.sum();
    for (byte[] export : exports) {
      count += spans(ExportTraceServiceRequest.parseFrom(export)).size();
    }
    return count;
  }

  /**
   * What came so far.
   *
   * @param spans by name
   * @param tracedMessages of the backlog that have a CONSUMER span which is a child of their
   *     producer's
   * @param links on spans of more than one link
   */
  record Received(Map<String, Integer> spans, int tracedMessages, long links, long dropped) {
    int total() {
      return spans.values().stream().mapToInt(Integer::intValue).sum();
    }
  }

  Received read(int messages) throws InvalidProtocolBufferException {
    Map<String, Integer> spans = new TreeMap<>();
    Map<String, Integer> numbers = new HashMap<>();
    for (int i = 0; i < messages; i++) {
      numbers.put(Backlog.traceId(i), i);
    }
    long links = 0;
    long dropped = 0;
    int traced = 0;
    for (byte[] export : exports) {
      for (Span span : spans(ExportTraceServiceRequest.parseFrom(export))) {
        spans.merge(span.getName(), 1, Integer::sum);
        links += span.getLinksCount() > 1 ? span.getLinksCount() : 0;
        dropped += span.getDroppedLinksCount() + span.getDroppedAttributesCount();
        if (span.getKind() == Span.SpanKind.SPAN_KIND_CONSUMER
            && numbers.remove(HexFormat.of().formatHex(span.getTraceId().toByteArray())) != null) {
          traced++;
        }
      }
    }
    return new Received(spans, traced, links, dropped);
  }

  private static List<Span> spans(ExportTraceServiceRequest export) {
    return export.getResourceSpansList().stream()
        .flatMap(resource -> resource.getScopeSpansList().stream())
        .flatMap(scope -> scope.getSpansList().stream())
        .toList();
  }

  private ServerServiceDefinition service(String name, boolean keep) {
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
                  if (manner == Manner.SILENT) {
                    return;
                  }
                  if (keep) {
                    take(request);
                  }
                  answer.onNext(new byte[0]); // the empty message: all accepted
                  answer.onCompleted();
                }))
        .build();
  }

  private void take(byte[] export) {
    if (manner == Manner.KEEPING) {
      exports.add(export);
      return;
    }
    try {
      counted.add(spans(ExportTraceServiceRequest.parseFrom(export)).size());
    } catch (InvalidProtocolBufferException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    server.shutdownNow();
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
