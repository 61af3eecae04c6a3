package dev.natschat.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.nats.client.Connection;
import io.nats.client.JetStream;
import io.nats.client.JetStreamApiException;
import io.nats.client.api.PublishAck;
import java.io.IOException;
import java.util.BitSet;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Sends numbered messages to rooms and keeps which of them the broker has acknowledged. None is
 * sent twice: what became of one without an answer, only the table can tell.
 */
final class Publisher {
  static final int ROOMS = 5;

  /** NATS JetStream's err_code of a refusal by a full stream. */
  private static final int STREAM_STORE_FAILED = 10077;

  private static final int UNANSWERED = 256;
  private static final long ANSWER_SECONDS = 10;
  private static final String WORDS = "what people say to each other takes about this much room ";

  private final String user;
  private final Connection nats;
  private final JetStream stream;
  private final Semaphore window = new Semaphore(UNANSWERED);
  private final BitSet acknowledged = new BitSet();
  private final BitSet refused = new BitSet();
  private int sent;
  private long lastTimestamp;
  private @Nullable Thread thread;
  private volatile boolean stopping;

  Publisher(String user, Connection nats) throws IOException {
    this.user = user;
    this.nats = nats;
    this.stream = nats.jetStream();
  }

  enum Outcome {
    ACKNOWLEDGED,
    /** By a full stream, which said so. */
    REFUSED,
    /** No answer came, or none yet: it may be stored or not. */
    UNKNOWN
  }

  /** What was sent until now, and what is known of it. */
  record Count(int sent, int acknowledged, int refused, int unknown) {
    Count plus(Count other) {
      return new Count(
          sent + other.sent,
          acknowledged + other.acknowledged,
          refused + other.refused,
          unknown + other.unknown);
    }
  }

  String user() {
    return user;
  }

  synchronized Count count() {
    int accepted = acknowledged.cardinality();
    int denied = refused.cardinality();
    return new Count(sent, accepted, denied, sent - accepted - denied);
  }

  synchronized Outcome outcome(int number) {
    return acknowledged.get(number)
        ? Outcome.ACKNOWLEDGED
        : refused.get(number) ? Outcome.REFUSED : Outcome.UNKNOWN;
  }

  /** In bursts, on a thread of its own. */
  void start(long seed, int perSecond) {
    thread = new Thread(() -> run(new Random(seed), perSecond), user);
    thread.start();
  }

  private void run(Random random, int perSecond) {
    try {
      while (!stopping) {
        // Now and then so much that answers are always on their way.
        int burst = (1 + random.nextInt(perSecond)) * (random.nextInt(10) == 0 ? 10 : 1);
        for (int i = 0; i < burst && !stopping; i++) {
          send(random.nextInt(ROOMS), 1 + random.nextInt(3));
        }
        TimeUnit.MILLISECONDS.sleep(Math.min(2000, 1000L * burst / perSecond));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Waits while too many are without an answer.
   *
   * @param length of the text, in sentences of 57 characters
   */
  void send(int room, int length) throws InterruptedException {
    if (!window.tryAcquire(ANSWER_SECONDS, TimeUnit.SECONDS)) {
      return;
    }
    int number = next();
    try {
      var unused =
          stream
              .publishAsync("chat.room-" + room, body(room, number, length))
              .orTimeout(ANSWER_SECONDS, TimeUnit.SECONDS)
              .whenComplete((ack, failure) -> answered(number, ack, failure));
    } catch (RuntimeException e) {
      answered(number, null, e); // not connected, and the buffer is full
    }
  }

  private synchronized int next() {
    return sent++;
  }

  private synchronized void answered(
      int number, @Nullable PublishAck ack, @Nullable Throwable failure) {
    window.release();
    if (ack != null) {
      acknowledged.set(number);
    } else if (isFull(failure)) {
      refused.set(number);
    }
  }

  private static boolean isFull(@Nullable Throwable failure) {
    Throwable cause = failure;
    while (cause instanceof CompletionException || cause instanceof RuntimeException) {
      if (cause.getCause() == null) {
        break;
      }
      cause = cause.getCause();
    }
    return cause instanceof JetStreamApiException e && e.getApiErrorCode() == STREAM_STORE_FAILED;
  }

  private byte[] body(int room, int number, int length) {
    // A clock that is set back would change the order that the sender means.
    lastTimestamp = Math.max(lastTimestamp, System.currentTimeMillis());
    return body(user, number, WORDS.repeat(length), lastTimestamp, room).getBytes(UTF_8);
  }

  /** JSON has the digits of no locale. */
  static String body(String user, int number, String words, long timestamp, int room) {
    return String.format(
        Locale.ROOT,
        "{\"user\":\"%s\",\"text\":\"%d %s\",\"timestamp\":%d,\"room\":\"room-%d\"}",
        user,
        number,
        words,
        timestamp,
        room);
  }

  /** Sends no more, and waits for the answers that may still come. */
  void finish() throws InterruptedException {
    stopping = true;
    if (thread != null) {
      thread.join();
    }
    if (window.tryAcquire(UNANSWERED, 2 * ANSWER_SECONDS, TimeUnit.SECONDS)) {
      window.release(UNANSWERED);
    }
  }

  void close() throws InterruptedException {
    stopping = true;
    nats.close();
  }
}
