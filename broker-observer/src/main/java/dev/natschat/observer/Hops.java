package dev.natschat.observer;

import static dev.natschat.observer.HopMetric.DROPPED;
import static dev.natschat.observer.HopMetric.EVENTS;
import static dev.natschat.observer.HopMetric.INCOMPLETE;
import static dev.natschat.observer.HopMetric.LOST;
import static dev.natschat.observer.HopMetric.REFUSED;

import dev.natschat.observer.HopTrees.Tree;
import io.nats.client.Connection;
import io.nats.client.Connection.Status;
import io.nats.client.ConsumeOptions;
import io.nats.client.ConsumerContext;
import io.nats.client.Dispatcher;
import io.nats.client.IterableConsumer;
import io.nats.client.JetStreamApiException;
import io.nats.client.JetStreamManagement;
import io.nats.client.Message;
import io.nats.client.api.AckPolicy;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.DiscardPolicy;
import io.nats.client.api.PriorityPolicy;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsJetStreamMetaData;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what the servers say of traced messages and makes spans of the messages' traces of it, on
 * one thread; another one exports them. The events wait in a small memory stream in an account of
 * their own, so that a moment's pause loses nothing, and a long one the oldest. Of several
 * observers one reads at a time.
 */
final class Hops {
  private static final Logger log = LoggerFactory.getLogger(Hops.class);

  static final String STREAM = "HOPS";
  private static final String EVENTS_SUBJECT = "hops.event";
  private static final String FORGED_SUBJECT = "hops.forged";
  private static final String CONSUMER = "broker-observer";
  private static final String GROUP = "observers";

  /** Some 15,000 events; half of what account OBS may hold. */
  private static final long STREAM_BYTES = 16 * 1024 * 1024;

  private static final Duration KEPT = Duration.ofMinutes(5);

  /** After it, another observer takes over from one that has fallen silent. */
  private static final Duration PINNED = Duration.ofSeconds(5);

  private static final int BATCH = 1000;
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(50);
  private static final Duration BETWEEN_TRIES = Duration.ofSeconds(1);
  private static final int SILENT_LOOKS = 100; // 5 s

  /** However many there are: whoever forges shall not fill the log. */
  private static final Duration BETWEEN_FORGERIES_SAID = Duration.ofMinutes(1);

  private static final int UNREAD_FORGERIES = 1000;
  private static final int MAX_SERVERS = 1000;

  private final Config config;
  private final HopMetrics metrics;
  private final HopTrees trees = new HopTrees(System::nanoTime);
  private final HopShedding shedding = new HopShedding(System::nanoTime);
  private final HopSpans spans;
  private final HopExport export;
  private final Set<String> warnedOf = new HashSet<>();
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread = new Thread(this::run, "hops");

  private volatile boolean reading;
  private long lastSequence;
  private long forgerySaidAt = System.nanoTime() - BETWEEN_FORGERIES_SAID.toNanos();
  private @Nullable String said;

  /**
   * @param resource of this process
   */
  Hops(Config config, HopMetrics metrics, Resource resource, SpanExporter exporter) {
    this.config = config;
    this.metrics = metrics;
    this.spans = new HopSpans(resource);
    this.export = new HopExport(exporter, metrics);
    thread.start();
  }

  /** Whether events are kept for it from now on. */
  boolean isReading() {
    return reading;
  }

  private void run() {
    try {
      while (!isClosing(Duration.ZERO)) {
        readWhileConnected();
      }
    } catch (InterruptedException e) {
      log.debug("Closed before it was connected", e);
    }
  }

  /** Returns when jnats has given the connection up: a server refused this user twice, say. */
  @SuppressWarnings("try") // interrupted only to be stopped
  private void readWhileConnected() throws InterruptedException {
    try (Connection nats = Broker.connect(config, config.natsUser() + "-hops")) {
      Dispatcher forgeries = nats.createDispatcher(this::refuse);
      forgeries.setPendingLimits(UNREAD_FORGERIES, -1);
      forgeries.subscribe(FORGED_SUBJECT);
      while (!isClosing(Duration.ZERO) && nats.getStatus() != Status.CLOSED) {
        try {
          listen(nats);
        } catch (InterruptedException e) {
          throw e;
        } catch (Exception e) { // so wide is the signature of close()
          sayOnce("Cannot read the broker's hops, trying again: " + e.getMessage());
          finishOverdue();
          isClosing(BETWEEN_TRIES);
        }
      }
    } finally {
      trees.all().forEach(this::finish);
    }
  }

  private boolean isClosing(Duration atMost) throws InterruptedException {
    return closing.await(atMost.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void sayOnce(String what) {
    if (!what.equals(said)) {
      said = what;
      log.warn(what);
    }
  }

  @SuppressWarnings("try") // likewise
  private void listen(Connection nats) throws Exception {
    ConsumerContext consumer = consumer(nats);
    lastSequence = 0;
    log.info("Reading the broker's hops");
    said = null;
    try (IterableConsumer events = iterate(consumer)) {
      reading = true;
      int silent = 0;
      while (!isClosing(Duration.ZERO)) {
        Message event = events.nextMessage(BETWEEN_LOOKS);
        if (event == null) {
          if (++silent % SILENT_LOOKS == 0) {
            consumer.getConsumerInfo(); // fails where a server has lost its memory
          }
        } else {
          silent = 0;
          read(event);
        }
        finishOverdue();
      }
    } finally {
      reading = false;
    }
  }

  @SuppressWarnings("MustBeClosed") // it is
  private static IterableConsumer iterate(ConsumerContext consumer)
      throws IOException, JetStreamApiException {
    return consumer.iterate(ConsumeOptions.builder().batchSize(BATCH).group(GROUP).build());
  }

  private static ConsumerContext consumer(Connection nats)
      throws IOException, JetStreamApiException {
    JetStreamManagement management = nats.jetStreamManagement();
    StreamConfiguration stream =
        StreamConfiguration.builder()
            .name(STREAM)
            .subjects(EVENTS_SUBJECT)
            .storageType(StorageType.Memory)
            .maxBytes(STREAM_BYTES)
            .maxAge(KEPT)
            .discardPolicy(DiscardPolicy.Old)
            .noAck(true)
            .build();
    try {
      management.getStreamInfo(STREAM);
      management.updateStream(stream);
    } catch (JetStreamApiException notThere) {
      management.addStream(stream);
    }
    return nats.getStreamContext(STREAM)
        .createOrUpdateConsumer(
            ConsumerConfiguration.builder()
                .durable(CONSUMER)
                .ackPolicy(AckPolicy.None)
                .memStorage(true)
                .priorityGroups(GROUP)
                .priorityPolicy(PriorityPolicy.PinnedClient)
                .priorityTimeout(PINNED)
                .build());
  }

  private void read(Message message) {
    metrics.count(EVENTS, 1);
    NatsJetStreamMetaData delivery = message.metaData();
    long skipped = delivery.streamSequence() - lastSequence - 1;
    if (lastSequence > 0 && skipped > 0) {
      metrics.count(LOST, skipped);
    }
    lastSequence = delivery.streamSequence();
    shedding.adapt(delivery.pendingCount());
    byte[] bytes = message.getData();
    String encoding = encoding(message.getHeaders());
    if (shedding.leavesOut(bytes, encoding != null)) {
      drop(HopShedding.isFirst(bytes));
      return;
    }
    try {
      HopEvent event = HopEvent.read(bytes, "gzip".equals(encoding));
      checkVersion(event.server());
      if (trees.hasRoomFor(event)) {
        Tree tree = trees.add(event);
        if (tree != null) {
          finish(tree);
        }
      } else {
        drop(event.isFirst());
      }
    } catch (IOException | RuntimeException e) {
      metrics.count(REFUSED, 1, HopMetrics.MALFORMED);
      log.debug("Cannot read a trace event", e);
    }
  }

  private static @Nullable String encoding(@Nullable Headers headers) {
    return headers == null ? null : headers.getFirst("Content-Encoding");
  }

  /** A message has one first server, so this counts messages; of compressed ones, events. */
  private void drop(boolean first) {
    metrics.count(DROPPED, first ? 1 : 0, HopMetrics.OVERLOAD);
  }

  private void finishOverdue() {
    trees.overdue().forEach(this::finish);
  }

  private void finish(Tree tree) {
    if (!tree.isComplete()) {
      metrics.count(INCOMPLETE, 1);
    }
    export.add(spans.of(tree));
  }

  /**
   * A server hands on what a client publishes there, and says who it was. What comes by a leaf node
   * is not believed either: a leaf node's own events come by its connection to account OBS too.
   */
  private void refuse(Message forgery) {
    Headers headers = forgery.getHeaders();
    String author = headers == null ? null : headers.getFirst("Nats-Request-Info");
    if (author != null && author.contains("\"kind\":\"Leafnode\"")) {
      metrics.count(REFUSED, 1, HopMetrics.BY_LEAFNODE);
      return;
    }
    metrics.count(REFUSED, 1, HopMetrics.FORGED);
    long now = System.nanoTime();
    if (now - forgerySaidAt >= BETWEEN_FORGERIES_SAID.toNanos()) {
      forgerySaidAt = now;
      log.warn("Refused a forged trace event, by {}", author);
    }
  }

  private void checkVersion(HopEvent.Server server) {
    if (isTooOld(server.version())
        && warnedOf.size() < MAX_SERVERS
        && warnedOf.add(server.name())) {
      log.warn(
          "Server {} is nats-server {}, which hides the traceparent of traced messages from"
              + " JetStream's consumers: 2.12.12 or later, or BROKER_HOPS=off",
          server.name(),
          server.version());
    }
  }

  /** They rename the header traceparent to Xraceparent when JetStream stores a traced message. */
  static boolean isTooOld(String version) {
    String[] parts = version.split("[.-]", -1);
    try {
      int major = Integer.parseInt(parts[0]);
      int minor = Integer.parseInt(parts[1]);
      int patch = Integer.parseInt(parts[2]);
      return major < 2
          || (major == 2 && (minor < 12 || minor == 13 || (minor == 12 && patch < 12)));
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      return false; // of somebody's own making
    }
  }

  /** Exports what is there. */
  void stop() throws InterruptedException {
    closing.countDown();
    thread.join(Duration.ofSeconds(1).toMillis());
    if (thread.isAlive()) {
      thread.interrupt(); // it waits for NATS
      thread.join(Duration.ofSeconds(1).toMillis());
    }
    export.close();
  }
}
