package dev.natschat.benchmarks;

import dev.natschat.benchmarks.TraceSinkServer.Manner;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.trace.v1.Span;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Takes every OTLP/gRPC export, in a process of its own, which keeps traces as the bytes they are;
 * they are read when all is over.
 */
final class TraceSink implements AutoCloseable {
  /** The second compiler would take more than it could ever save. */
  private static final List<String> JVM = List.of("-Xmx256m", "-XX:TieredStopAtLevel=1");

  private final Manner manner;
  private final Path file;
  private final ServiceProcess process;
  private final String endpoint;

  private TraceSink(Manner manner, Path directory) throws IOException, InterruptedException {
    this.manner = manner;
    file = directory.resolve("exports");
    process =
        ServiceProcess.startOwn(
            TraceSinkServer.class, JVM, List.of(manner.name(), file.toString()), directory);
    try {
      process.awaitReady();
      endpoint = "http://127.0.0.1:" + process.whatItSaysWhenReady();
    } catch (IOException | InterruptedException e) {
      process.close();
      throw e;
    }
  }

  static TraceSink start(Path directory) throws IOException, InterruptedException {
    return new TraceSink(Manner.KEEPING, directory);
  }

  /** For a long time: keeps nothing. */
  static TraceSink startCounting(Path directory) throws IOException, InterruptedException {
    return new TraceSink(Manner.COUNTING, directory);
  }

  /** Takes what comes, and never answers. */
  static TraceSink startSilent(Path directory) throws IOException, InterruptedException {
    return new TraceSink(Manner.SILENT, directory);
  }

  String endpoint() {
    return endpoint;
  }

  /** What it took so far. */
  Duration cpu() throws IOException {
    return process.cpu();
  }

  private interface Reader {
    void read(Span span);
  }

  /** How many spans came so far. */
  long spans() throws IOException {
    if (manner == Manner.COUNTING) {
      try (DataInputStream count = new DataInputStream(Files.newInputStream(file))) {
        return count.available() == 0 ? 0 : count.readLong();
      }
    }
    long[] count = new long[1];
    forEach(span -> count[0]++);
    return count[0];
  }

  /** What is being written meanwhile is left out. */
  private void forEach(Reader reader) throws IOException {
    try (DataInputStream exports =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
      while (true) {
        byte[] export = new byte[exports.readInt()];
        exports.readFully(export);
        spans(ExportTraceServiceRequest.parseFrom(export)).forEach(reader::read);
      }
    } catch (EOFException end) {
      // all that is there
    }
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

  Received read(int messages) throws IOException {
    Map<String, Integer> spans = new TreeMap<>();
    Map<String, Integer> numbers = new HashMap<>();
    for (int i = 0; i < messages; i++) {
      numbers.put(Backlog.traceId(i), i);
    }
    long[] links = new long[1];
    long[] dropped = new long[1];
    forEach(
        span -> {
          spans.merge(span.getName(), 1, Integer::sum);
          links[0] += span.getLinksCount() > 1 ? span.getLinksCount() : 0;
          dropped[0] += span.getDroppedLinksCount() + span.getDroppedAttributesCount();
          if (span.getKind() == Span.SpanKind.SPAN_KIND_CONSUMER) {
            numbers.remove(HexFormat.of().formatHex(span.getTraceId().toByteArray()));
          }
        });
    return new Received(spans, messages - numbers.size(), links[0], dropped[0]);
  }

  static List<Span> spans(ExportTraceServiceRequest export) {
    return export.getResourceSpansList().stream()
        .flatMap(resource -> resource.getScopeSpansList().stream())
        .flatMap(scope -> scope.getSpansList().stream())
        .toList();
  }

  @Override
  public void close() {
    process.close();
  }
}
