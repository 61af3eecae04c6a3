package dev.natschat.agent;

import io.nats.client.impl.Headers;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.ContextKey;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The reply that a handler owes, or who waited for a question. Another thread may give it: the span
 * that answers lasts until the reply is sent. Where none comes it ends, some seconds later, at the
 * time at which the handler returned.
 */
final class Answer {
  /** Each holds a span. */
  private static final int MOST_OWED = 4000;

  private static final int MOST_DIGITS = 3;
  private static final String SERVICE_ERROR = "service_error";
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final ContextKey<Answer> handled = ContextKey.named("jnats-answer");

  /** By the subject of the reply: the latest where several handlers have got one request. */
  private static final ConcurrentMap<String, Answer> owed = new ConcurrentHashMap<>();

  private static final AtomicInteger notEnded = new AtomicInteger();

  private final String replyTo;
  private final @Nullable Ongoing question;
  private boolean given;
  private boolean ended;
  private @Nullable Instant returnedAt;
  private long returnedAtNanos;

  private Answer(String replyTo, @Nullable Ongoing question) {
    this.replyTo = replyTo;
    this.question = question;
    notEnded.incrementAndGet();
    Answer earlier = owed.size() < MOST_OWED ? owed.put(replyTo, this) : null;
    if (earlier != null) {
      earlier.superseded();
    }
  }

  /** A message to the subject answers the question. */
  static Answer owe(String replyTo, Ongoing question) {
    return new Answer(replyTo, question);
  }

  /** The answer is plumbing, as the question was. */
  static Answer oweQuietly(String replyTo) {
    return new Answer(replyTo, null);
  }

  /**
   * What the handler that this work belongs to owes there, else what any other does. While nobody
   * waits for an answer, no long subject of an acknowledgement is hashed.
   */
  static @Nullable Answer owedAt(String subject) {
    if (notEnded.get() == 0) {
      return null;
    }
    Answer own = Context.current().get(handled);
    return own != null && own.replyTo.equals(subject) ? own : owed.get(subject);
  }

  /** The context in which the handler works. */
  Context whileHandled(Context context) {
    return context.with(handled, this);
  }

  boolean isQuiet() {
    return question == null;
  }

  /** Parent of the reply. */
  Context context() {
    return question == null ? Context.root() : question.context;
  }

  /** The reply is sent. One that says it is an error makes the span that answers a failed one. */
  synchronized void given(@Nullable String error) {
    given = true;
    if (error != null && question != null) {
      question.fail(error);
    }
    if (returnedAt != null) {
      end(null);
    }
  }

  synchronized void handlerReturned(boolean failed) {
    if (given || failed || owed.get(replyTo) != this) {
      end(null);
    } else {
      returnedAt = Instant.now();
      returnedAtNanos = System.nanoTime();
      Housekeeping.start();
    }
  }

  private synchronized void superseded() {
    if (returnedAt != null) {
      end(returnedAt);
    }
  }

  private synchronized void giveUp(Instant now) {
    if (returnedAt != null && returnedAt.plus(PATIENCE).isBefore(now)) {
      end(returnedAt);
    }
  }

  private void end(@Nullable Instant at) {
    owed.remove(replyTo, this);
    if (ended) {
      return;
    }
    ended = true;
    notEnded.decrementAndGet();
    if (question == null) {
      return;
    }
    if (at == null) {
      question.end();
    } else {
      question.end(at, returnedAtNanos);
    }
  }

  static boolean areOwed() {
    return !owed.isEmpty();
  }

  static void giveUpOld() {
    Instant now = Instant.now();
    owed.values().forEach(answer -> answer.giveUp(now));
  }

  /**
   * The service error code of ADR-32 (https://github.com/nats-io/nats-architecture-and-design).
   * What a peer writes there becomes an attribute of metrics: three digits at most, or it could
   * make series without end.
   */
  static @Nullable String errorIn(@Nullable Headers headers) {
    if (headers == null || headers.isEmpty()) {
      return null;
    }
    List<String> codes = headers.getIgnoreCase("Nats-Service-Error-Code");
    if (codes != null && !codes.isEmpty()) {
      return isCode(codes.get(0)) ? codes.get(0) : SERVICE_ERROR;
    }
    return headers.containsKeyIgnoreCase("Nats-Service-Error") ? SERVICE_ERROR : null;
  }

  private static boolean isCode(String text) {
    return !text.isEmpty()
        && text.length() <= MOST_DIGITS
        && text.chars().allMatch(digit -> digit >= '0' && digit <= '9');
  }
}
