package dev.natschat.benchmarks;

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
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * The process behind {@link TraceSink}: takes every OTLP/gRPC export and writes traces into a file.
 * Not a part of the benchmarks' own JVM, whose second compiler would be at work on this code, and
 * whose garbage collector on these traces, while a service is measured.
 */
final class TraceSinkServer {
  /** What it does with what comes. */
  enum Manner {
    /** Each export is appended, after its length. */
    KEEPING,
    /** The file holds how many spans came. */
    COUNTING,
    /** As a Collector that hangs: neither kept nor answered. */
    SILENT
  }

  private final Manner manner;
  private final FileChannel file;
  private long spans;

  private TraceSinkServer(Manner manner, FileChannel file) {
    this.manner = manner;
    this.file = file;
  }

  /** Takes a manner, the file to write, and the file to make when ready, with the port. */
  public static void main(String[] args) throws Exception {
    FileChannel file =
        FileChannel.open(
            Path.of(args[1]),
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE);
    TraceSinkServer sink = new TraceSinkServer(Manner.valueOf(args[0]), file);
    Server server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .maxInboundMessageSize(64 * 1024 * 1024)
            .addService(sink.service("trace.v1.TraceService", true))
            .addService(sink.service("metrics.v1.MetricsService", false))
            .addService(sink.service("logs.v1.LogsService", false))
            .build()
            .start();
    Path ready = Path.of(args[2]);
    Path port = Files.writeString(Path.of(args[2] + ".new"), String.valueOf(server.getPort()));
    Files.move(port, ready, StandardCopyOption.ATOMIC_MOVE);
    server.awaitTermination();
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

  private synchronized void take(byte[] export) {
    try {
      if (manner == Manner.KEEPING) {
        write(ByteBuffer.allocate(Integer.BYTES).putInt(export.length).flip());
        write(ByteBuffer.wrap(export));
      } else {
        spans += TraceSink.spans(ExportTraceServiceRequest.parseFrom(export)).size();
        file.position(0);
        write(ByteBuffer.allocate(Long.BYTES).putLong(spans).flip());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      file.write(bytes);
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
