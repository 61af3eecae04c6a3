package dev.natschat.benchmarks;

import com.sun.management.ThreadMXBean;
import io.nats.client.Connection;
import io.nats.client.JetStream;
import io.nats.client.JetStreamSubscription;
import io.nats.client.Message;
import io.nats.client.MessageHandler;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.api.PublishAck;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Scope;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A program that calls jnats, and prints what one thread spends on each operation: the thread of
 * the caller, or the dispatcher's. {@code URL none|sampled|unsampled SECONDS}; what is not {@code
 * none} writes its spans by hand.
 */
@SuppressWarnings("try") // closing a jnats connection may be interrupted, and is here not
final class Operations implements AutoCloseable {
  private static final byte[] BODY = new byte[64];
  private static final String SUBJECT = "bench.a";
  private static final Duration TIMEOUT = Duration.ofSeconds(20);

  /** In bursts, so that neither jnats' queue nor the server's answer is waited for meanwhile. */
  private static final int BURST = 1000;

  private static final int FEWEST = 200;
  private static final int MOST = 10;

  private static final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final Connection nats;
  private final URI server;
  private final @Nullable ByHand byHand;
  private final Duration each;
  private final Map<String, double[]> results = new LinkedHashMap<>();

  private Operations(String url, String tracing, int seconds)
      throws IOException, InterruptedException {
    nats = Nats.connect(Options.builder().server(url).build());
    server = URI.create(url);
    byHand = tracing.equals("none") ? null : new ByHand(tracing.equals("sampled"));
    each = Duration.ofSeconds(seconds);
  }

  public static void main(String[] args) throws Exception {
    try (Operations operations = new Operations(args[0], args[1], Integer.parseInt(args[2]))) {
      operations.publish();
      operations.request();
      operations.publishAsync();
      operations.deliver();
      operations.pull();
      operations.results.forEach(
          (name, result) -> System.out.println(name + " " + result[0] + " " + result[1]));
    }
  }

  private interface Burst {
    /** Runs the operation so many times, and spends nothing else on this thread. */
    void run(int count) throws Exception;
  }

  private interface Rest {
    void run() throws Exception;
  }

  /**
   * What bursts cost: of their time the fastest tenth, which others on the machine did not disturb.
   */
  private static final class Bursts {
    private final List<Double> nanos = new ArrayList<>();
    private final List<Double> bytes = new ArrayList<>();

    void add(long cpu, long allocated, int count) {
      nanos.add((double) cpu / count);
      bytes.add((double) allocated / count);
    }

    /** Time for the compiler also where the machine is busy. */
    boolean areEnough(Duration time, long since) {
      long passed = System.nanoTime() - since;
      return passed >= time.toNanos()
          && (nanos.size() >= FEWEST || passed >= MOST * time.toNanos());
    }

    double[] costs() {
      return new double[] {quantile(nanos, 0.1), quantile(bytes, 0.5)};
    }

    private static double quantile(List<Double> values, double part) {
      return values.stream().sorted().skip((long) (values.size() * part)).findFirst().orElseThrow();
    }
  }

  /** To warm up, and then to measure. */
  private void measure(String name, int size, Burst burst, Rest rest) throws Exception {
    repeat(size, burst, rest);
    results.put(name, repeat(size, burst, rest));
  }

  private double[] repeat(int size, Burst burst, Rest rest) throws Exception {
    long me = Thread.currentThread().getId();
    long since = System.nanoTime();
    Bursts bursts = new Bursts();
    while (!bursts.areEnough(each, since)) {
      long cpuBefore = threads.getThreadCpuTime(me);
      long bytesBefore = threads.getThreadAllocatedBytes(me);
      burst.run(size);
      long bytes = threads.getThreadAllocatedBytes(me) - bytesBefore;
      bursts.add(threads.getThreadCpuTime(me) - cpuBefore, bytes, size);
      rest.run();
    }
    return bursts.costs();
  }

  private void publish() throws Exception {
    ByHand.Kind kind = new ByHand.Kind("publish", "send", SpanKind.PRODUCER, "bench.*");
    measure(
        "publish",
        BURST,
        count -> {
          for (int i = 0; i < count; i++) {
            if (byHand == null) {
              nats.publish(SUBJECT, BODY);
            } else {
              Span span = byHand.sending(kind, SUBJECT, BODY.length);
              nats.publish(SUBJECT, ByHand.headers(span), BODY);
              span.end();
            }
          }
        },
        () -> nats.flush(TIMEOUT));
  }

  /** The responder is another process' ({@link ExtensionCost}). */
  private void request() throws Exception {
    ByHand.Kind kind = new ByHand.Kind("request", "send", SpanKind.CLIENT, "bench.*");
    measure(
        "request",
        BURST / 10,
        count -> {
          for (int i = 0; i < count; i++) {
            Message reply;
            if (byHand == null) {
              reply = nats.request("bench.ask", BODY, TIMEOUT);
            } else {
              Span span = byHand.sending(kind, "bench.ask", BODY.length);
              reply = nats.request("bench.ask", ByHand.headers(span), BODY, TIMEOUT);
              span.end();
            }
            if (reply == null) {
              throw new IOException("No reply");
            }
          }
        },
        () -> {});
  }

  private void publishAsync() throws Exception {
    stream("PUBLISHED", "published.*");
    JetStream jetStream = nats.jetStream();
    ByHand.Kind kind = new ByHand.Kind("publish", "send", SpanKind.PRODUCER, "published.*");
    List<CompletableFuture<PublishAck>> acks = new ArrayList<>(BURST);
    measure(
        "publishAsync",
        BURST,
        count -> {
          for (int i = 0; i < count; i++) {
            if (byHand == null) {
              acks.add(jetStream.publishAsync("published.a", BODY));
            } else {
              Span span = byHand.sending(kind, "published.a", BODY.length);
              Headers headers = ByHand.headers(span);
              acks.add(
                  jetStream
                      .publishAsync("published.a", headers, BODY)
                      .whenComplete((ack, failure) -> byHand.acknowledged(span, ack)));
            }
          }
        },
        () -> {
          for (CompletableFuture<PublishAck> ack : acks) {
            ack.get(20, TimeUnit.SECONDS);
          }
          acks.clear();
          nats.jetStreamManagement().purgeStream("PUBLISHED");
        });
  }

  /** What the dispatcher's thread spends from the first message of a burst to its last. */
  private void deliver() throws Exception {
    Delivered delivered = new Delivered();
    nats.createDispatcher(delivered).subscribe("delivered.*");
    nats.flush(TIMEOUT);
    try (RawPublisher publisher = new RawPublisher(server)) {
      deliver(delivered, publisher);
      delivered.bursts = new Bursts();
      deliver(delivered, publisher);
    }
    results.put("deliver", delivered.bursts.costs());
  }

  private void deliver(Delivered delivered, RawPublisher publisher) throws Exception {
    long since = System.nanoTime();
    while (!delivered.bursts.areEnough(each, since)) {
      delivered.done = new CountDownLatch(1);
      publisher.publish("delivered.a", BURST);
      if (!delivered.done.await(20, TimeUnit.SECONDS)) {
        throw new IOException("Messages are missing");
      }
    }
  }

  private final class Delivered implements MessageHandler {
    private final ByHand.Kind kind =
        new ByHand.Kind("process", "process", SpanKind.CONSUMER, "delivered.*");
    private volatile CountDownLatch done = new CountDownLatch(1);
    private volatile Bursts bursts = new Bursts();
    private int inBurst;
    private long cpuAtFirst;
    private long bytesAtFirst;

    @Override
    public void onMessage(Message message) {
      if (inBurst == 0) {
        long me = Thread.currentThread().getId();
        cpuAtFirst = threads.getThreadCpuTime(me);
        bytesAtFirst = threads.getThreadAllocatedBytes(me);
      }
      if (byHand != null) {
        Span span = byHand.processing(kind, message);
        try (Scope unused = span.makeCurrent()) {
          inBurst++;
        } finally {
          span.end();
        }
      } else {
        inBurst++;
      }
      if (inBurst == BURST) {
        long me = Thread.currentThread().getId();
        bursts.add(
            threads.getThreadCpuTime(me) - cpuAtFirst,
            threads.getThreadAllocatedBytes(me) - bytesAtFirst,
            BURST - 1);
        inBurst = 0;
        done.countDown();
      }
    }
  }

  /** Fetch and ack; the messages lie in a stream. */
  private void pull() throws Exception {
    stream("PULLED", "pulled.*");
    ByHand.Kind process = new ByHand.Kind("process", "process", SpanKind.CONSUMER, "pulled.*");
    ByHand.Kind settle = new ByHand.Kind("settle", "settle", SpanKind.CLIENT, "pulled.*");
    JetStreamSubscription subscription =
        nats.jetStream()
            .subscribe("pulled.*", PullSubscribeOptions.builder().durable("puller").build());
    try (RawPublisher publisher = new RawPublisher(server)) {
      publisher.publish("pulled.a", BURST); // what the first burst fetches
      measure(
          "pull and ack",
          BURST,
          count -> {
            List<Message> fetched = subscription.fetch(count, TIMEOUT);
            if (fetched.size() < count) {
              throw new IOException(fetched.size() + " messages came instead of " + count);
            }
            for (Message message : fetched) {
              if (byHand == null) {
                message.ack();
              } else {
                Span processing = byHand.processing(process, message);
                Span settling = byHand.settling(settle, message, processing);
                message.ack();
                byHand.settled(settling, processing);
              }
            }
          },
          () -> publisher.publish("pulled.a", BURST));
    }
  }

  private void stream(String name, String subject) throws Exception {
    nats.jetStreamManagement()
        .addStream(
            StreamConfiguration.builder()
                .name(name)
                .subjects(subject)
                .storageType(StorageType.Memory)
                .build());
  }

  /** Messages with a trace context, the same bytes whatever instrumentation there is. */
  private static final class RawPublisher implements AutoCloseable {
    private static final String HEADERS =
        "NATS/1.0\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";

    private final Socket socket;
    private final OutputStream out;

    RawPublisher(URI server) throws IOException {
      socket = new Socket(server.getHost(), server.getPort());
      out = new BufferedOutputStream(socket.getOutputStream(), 1 << 16);
      write("CONNECT {\"verbose\":false,\"headers\":true}\r\n");
    }

    void publish(String subject, int count) throws IOException {
      String message =
          "HPUB "
              + subject
              + " "
              + HEADERS.length()
              + " "
              + (HEADERS.length() + BODY.length)
              + "\r\n"
              + HEADERS
              + "x".repeat(BODY.length)
              + "\r\n";
      for (int i = 0; i < count; i++) {
        write(message);
      }
      write("PING\r\n");
      out.flush();
      awaitPong();
    }

    private void awaitPong() throws IOException {
      // INFO, PONG and PING are all the server has to say here.
      StringBuilder heard = new StringBuilder();
      while (heard.indexOf("PONG\r\n") < 0) {
        int next = socket.getInputStream().read();
        if (next < 0) {
          throw new IOException("The server closed the connection: " + heard);
        }
        heard.append((char) next);
      }
    }

    private void write(String text) throws IOException {
      out.write(text.getBytes(StandardCharsets.US_ASCII));
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  @Override
  public void close() throws InterruptedException {
    nats.close();
  }
}
