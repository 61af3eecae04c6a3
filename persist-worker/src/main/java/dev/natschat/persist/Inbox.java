package dev.natschat.persist;

import dev.natschat.service.Outage;
import io.nats.client.Connection;
import io.nats.client.JetStreamApiException;
import io.nats.client.JetStreamStatusException;
import io.nats.client.JetStreamSubscription;
import io.nats.client.Message;
import io.nats.client.PullRequestOptions;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.api.ConsumerInfo;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The stream, the durable consumer that all workers share, and what this worker has pulled.
 *
 * <p>Only for one thread; {@link #isConsuming} may be asked by any.
 */
final class Inbox implements AutoCloseable {
  /** Messages of one INSERT. */
  static final int BATCH = 500;

  /** Messages of a megabyte each become one INSERT, too, if they are poison. */
  static final long BATCH_BYTES = 4L * 1024 * 1024;

  private static final Logger log = LoggerFactory.getLogger(Inbox.class);

  /** Pulled ahead, so that the broker sends while PostgreSQL commits. */
  private static final int PULL = 3 * BATCH;

  /** Above any message a broker accepts (its max_payload is 1 MiB unless set), below the heap. */
  private static final long PULL_BYTES = 16L * 1024 * 1024;

  /** Also how long a worker that stops may have to wait for the end of its last pull request. */
  private static final Duration PULL_EXPIRES = Duration.ofSeconds(1);

  private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);
  private static final Duration WAIT_FOR_FIRST = Duration.ofMillis(200);

  /** When more are on their way, a fuller batch is worth this. */
  private static final Duration WAIT_FOR_NEXT = Duration.ofMillis(2);

  private final Connection nats;
  private final ChatStream stream;
  private final Deque<Message> leftOver = new ArrayDeque<>();

  private volatile @Nullable JetStreamSubscription subscription;
  private @Nullable ZonedDateTime durableCreated;
  private int outstanding;
  private long pullEndsNanos;
  private long nextLookNanos = System.nanoTime();
  private final Outage outage = new Outage();

  Inbox(Connection nats, ChatStream.Persisted persisted, Config config) throws IOException {
    this.nats = nats;
    this.stream = new ChatStream(nats.jetStreamManagement(), persisted, config);
  }

  /** Whether messages that arrive in the stream also arrive here. */
  boolean isConsuming() {
    return subscription != null && nats.getStatus() == Connection.Status.CONNECTED;
  }

  /**
   * As many messages as are there, up to {@link #BATCH} and about {@link #BATCH_BYTES}; after a
   * short wait for the first, none.
   *
   * @throws SQLException when the database had to be asked what it has, and does not answer
   * @throws IllegalStateException when the connection was closed for good
   */
  List<Message> nextBatch() throws InterruptedException, SQLException {
    lookAfterStream();
    pull();
    List<Message> batch = new ArrayList<>(BATCH);
    long bytes = 0;
    Message message = next(WAIT_FOR_FIRST);
    while (message != null) {
      batch.add(message);
      bytes += message.consumeByteCount();
      if (batch.size() == BATCH || bytes >= BATCH_BYTES) {
        break;
      }
      if (outstanding == 0) {
        pull();
      }
      message = next(isLast(message) ? null : WAIT_FOR_NEXT);
    }
    return batch;
  }

  /** Whether the broker had no more when it sent this one. */
  private static boolean isLast(Message message) {
    return message.metaData().pendingCount() == 0;
  }

  /** Null when none arrives in time, or the pull request ends. */
  private @Nullable Message next(@Nullable Duration wait) throws InterruptedException {
    if (!leftOver.isEmpty()) {
      return leftOver.poll();
    }
    JetStreamSubscription source = subscription;
    if (source == null) {
      TimeUnit.NANOSECONDS.sleep(wait == null ? 0 : wait.toNanos());
      return null;
    }
    boolean somethingThere = source.getPendingMessageCount() > 0;
    long deadline = System.nanoTime() + (wait == null ? 0 : wait.toNanos());
    try {
      Message message = source.nextMessage(wait);
      if (message != null) {
        outstanding--;
      } else if (somethingThere || System.nanoTime() < deadline) {
        outstanding = 0; // what was there, or came, was the broker's word that the pull ended
      }
      return message;
    } catch (JetStreamStatusException e) {
      outstanding = 0;
      nextLookNanos = System.nanoTime(); // the durable was deleted
      return null;
    }
  }

  /** One pull request at a time: the next when all of the last has arrived, read or not. */
  private void pull() {
    JetStreamSubscription source = subscription;
    if (source == null || nats.getStatus() != Connection.Status.CONNECTED) {
      return;
    }
    long unread = source.getPendingMessageCount();
    long now = System.nanoTime();
    boolean lost = now - pullEndsNanos > 0;
    if (unread <= PULL - BATCH && (outstanding <= unread || lost)) {
      int wanted = PULL - (int) unread;
      source.pull(
          PullRequestOptions.builder(wanted).maxBytes(PULL_BYTES).expiresIn(PULL_EXPIRES).build());
      outstanding = (int) unread + wanted;
      pullEndsNanos = now + 2 * PULL_EXPIRES.toNanos();
    }
  }

  /** The database may be another than before, or the same at an earlier time. */
  void databaseIsNew() {
    stream.databaseIsNew();
    nextLookNanos = System.nanoTime();
  }

  /** Whether what is stored now may be acknowledged: see {@link ChatStream#isDatabaseKnown}. */
  boolean isDatabaseKnown() {
    return stream.isDatabaseKnown();
  }

  /**
   * Once a second: makes again what was deleted, and keeps the stream from filling up.
   *
   * @throws SQLException when the database had to be asked, and does not answer
   * @throws IllegalStateException when the connection was closed for good
   */
  void lookAfterStream() throws InterruptedException, SQLException {
    if (nats.getStatus() == Connection.Status.CLOSED) {
      throw new IllegalStateException("the connection to NATS was closed"); // the log says why
    }
    long now = System.nanoTime();
    if (now - nextLookNanos < 0 || nats.getStatus() != Connection.Status.CONNECTED) {
      return;
    }
    nextLookNanos = now + BETWEEN_LOOKS.toNanos();
    try {
      ChatStream.Found found = stream.lookAfter();
      ConsumerInfo durable = found.durable();
      if (subscription == null || !durable.getCreationTime().equals(durableCreated)) {
        subscribe(durable);
      }
      stream.trim(found); // last: what cannot be trimmed can be consumed
      if (outage.ends()) {
        log.info("JetStream answers, stream {}", ChatStream.NAME);
      }
    } catch (IOException | JetStreamApiException e) {
      String trouble = String.valueOf(e.getMessage());
      if (nats.getStatus() == Connection.Status.CONNECTED && outage.isNews(trouble)) {
        log.warn("Waiting for JetStream, stream {}: {}", ChatStream.NAME, trouble);
      }
    }
  }

  /** What was pulled of a durable that is gone is kept: it may be all there is of it. */
  private void subscribe(ConsumerInfo durable)
      throws IOException, JetStreamApiException, InterruptedException {
    JetStreamSubscription old = subscription;
    if (old != null) {
      List<Message> unread = new ArrayList<>(leftOver);
      leftOver.clear();
      while (old.getPendingMessageCount() > 0) {
        Message message = next(null);
        if (message != null) {
          unread.add(message);
        }
      }
      leftOver.addAll(unread);
      old.unsubscribe();
    }
    JetStreamSubscription made =
        nats.jetStream()
            .subscribe(null, PullSubscribeOptions.fastBind(ChatStream.NAME, ChatStream.DURABLE));
    made.setPendingLimits(0, 0); // the pull requests are the limit
    outstanding = 0;
    durableCreated = durable.getCreationTime();
    subscription = made;
    log.info("Consuming stream {} as {}", ChatStream.NAME, ChatStream.DURABLE);
  }

  /**
   * Reads the last pull request to its end and hands everything back, so that the next worker has
   * it at once. A subscription that is closed earlier leaves what is on its way to the ack wait.
   */
  void handBack(List<Message> unpersisted) throws InterruptedException {
    List<Message> messages = new ArrayList<>(unpersisted);
    JetStreamSubscription source = subscription;
    while (source != null
        && (outstanding > 0 || !leftOver.isEmpty())
        && (System.nanoTime() - pullEndsNanos < 0 || source.getPendingMessageCount() > 0)) {
      Message message = next(PULL_EXPIRES);
      if (message != null) {
        messages.add(message);
      }
    }
    for (Message message : messages) {
      message.nak();
    }
    if (!messages.isEmpty()) {
      log.info("Handed {} messages back to the stream", messages.size());
    }
  }

  @Override
  public void close() {
    JetStreamSubscription source = subscription;
    subscription = null;
    if (source != null) {
      source.unsubscribe();
    }
    try {
      nats.flush(Duration.ofSeconds(2)); // acknowledgements are still on their way
    } catch (TimeoutException e) {
      log.warn("NATS did not answer: the last messages may be delivered once more");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
