package dev.natschat.agent;

import io.nats.client.Connection;
import io.nats.client.Message;
import io.nats.client.api.ObjectInfo;
import io.nats.client.api.PublishAck;
import io.nats.client.impl.Headers;
import io.nats.client.support.NatsRequestCompletableFuture;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Context;
import io.opentelemetry.instrumentation.api.util.VirtualField;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * One message on its way out: the span of a publish, a request, or a JetStream publish. All of them
 * end in {@code NatsConnection.publishInternal}, on the thread that called: only there the context
 * is injected.
 */
final class Sending {
  /** What callbacks took; less may be the difference of two clocks. */
  private static final long WORTH_TELLING_NANOS = 1_000_000;

  private static final int WRAPPERS = 2;

  private static final ThreadLocal<@Nullable Sending> current = new ThreadLocal<>();
  private static final VirtualField<NatsRequestCompletableFuture, Sending> field =
      VirtualField.find(NatsRequestCompletableFuture.class, Sending.class);

  /** Of the caller: current again in the callbacks of its future. */
  final Context caller;

  private final String subject;
  private final Ongoing ongoing;
  private final boolean callerWaits;

  /** The message is the reply that a handler owes. */
  private final @Nullable Answer answer;

  /** An object that is put: what is read for it may come by messages of their own. */
  private @Nullable Sending outer;

  /** What the answer says of itself, or why nobody gets it. */
  private @Nullable String answerError;

  private @Nullable NatsRequestCompletableFuture future;
  private int discardsBefore;
  private volatile boolean noResponders;

  /** When jnats completed the future, by System.nanoTime; 0: not yet, or somebody else did. */
  private volatile long completedAt;

  private Sending(
      Operation operation,
      boolean callerWaits,
      @Nullable Connection connection,
      String subject,
      byte @Nullable [] body,
      @Nullable Answer answer) {
    this.caller = Context.current();
    this.subject = subject;
    this.callerWaits = callerWaits;
    this.answer = answer;
    Context parent = answer == null || isInSpan(caller) ? caller : answer.context();
    Destination destination =
        answer != null || Subjects.get().isInbox(subject, connection)
            ? Destination.TEMPORARY
            : Subjects.get().ofPublished(subject);
    this.ongoing = Ongoing.beginSending(destination, operation, parent, connection, subject, body);
  }

  private static boolean isInSpan(Context context) {
    return Span.fromContext(context).getSpanContext().isValid();
  }

  /**
   * A request or JetStream publish begins; null when it is plumbing, or part of one that has begun.
   */
  static @Nullable Sending begin(
      Operation operation,
      boolean callerWaits,
      @Nullable Connection connection,
      @Nullable String subject,
      byte @Nullable [] body) {
    Sending outer = current.get();
    if (subject == null || isPartOf(outer, subject)) {
      return null;
    }
    if (Subjects.get().isIgnored(subject, connection)) {
      Retrieval.asks(connection);
      return null;
    }
    Answer answer = Answer.owedAt(subject);
    return enter(new Sending(operation, callerWaits, connection, subject, body, answer), outer);
  }

  /** An object is put: its chunks and its description are one publish. */
  static @Nullable Sending beginObject(String bucket) {
    String prefix = "$O." + bucket + ".";
    Sending outer = current.get();
    if ((outer != null && !outer.isObject()) || Subjects.get().isIgnored(prefix + "M.", null)) {
      return null;
    }
    return enter(new Sending(Operation.PUBLISH, true, null, prefix, null, null), outer);
  }

  private static boolean isPartOf(@Nullable Sending outer, String subject) {
    return outer != null && (!outer.isObject() || outer.covers(subject));
  }

  private static Sending enter(Sending sending, @Nullable Sending outer) {
    sending.outer = outer;
    current.set(sending);
    return sending;
  }

  private boolean covers(String written) {
    return subject.equals(written) || (isObject() && written.startsWith(subject));
  }

  /** The last message of an object is its description, under the object's name. */
  private void describeObject(String written) {
    if (isObject() && written.startsWith("M.", subject.length()) && ongoing.span.isRecording()) {
      ongoing.span.setAttribute(Semantics.DESTINATION_NAME, written);
    }
  }

  private boolean isObject() {
    return subject.endsWith(".");
  }

  void endObject(@Nullable ObjectInfo info, @Nullable Throwable thrown) {
    if (info != null && ongoing.span.isRecording()) {
      Spans.describeSize(ongoing.span, info.getSize());
    }
    end(thrown);
  }

  /**
   * jnats writes a message: returns the headers to write and the span to end; null to leave it
   * alone.
   */
  static Object @Nullable [] write(
      Connection connection,
      @Nullable String subject,
      @Nullable String replyTo,
      @Nullable Headers headers,
      byte @Nullable [] body) {
    if (subject == null
        || (Subjects.isAcknowledgement(subject) && Answer.owedAt(subject) == null)) {
      return null;
    }
    Sending begun = current.get();
    if (begun != null && begun.covers(subject)) {
      begun.ongoing.isWith(connection);
      begun.describeObject(subject);
      if (!begun.isObject()) {
        begun.leave(); // while jnats waits for the reply, the thread may do other work
      }
      if (begun.answer != null) {
        begun.answer.given(Answer.errorIn(headers)); // whoever asks back may wait long
      }
      return written(begun, null, connection, replyTo, headers, body);
    }
    Answer answer = Answer.owedAt(subject);
    if (answer == null && Subjects.get().isIgnored(subject, connection)) {
      return null;
    }
    if (answer != null && (answer.isQuiet() || Subjects.isPlumbing(subject))) {
      answer.given(Answer.errorIn(headers)); // a server that asked takes no part in the trace
      return null;
    }
    Sending alone = new Sending(Operation.PUBLISH, true, connection, subject, body, answer);
    alone.answerError = answer == null ? null : Answer.errorIn(headers);
    return written(alone, alone, connection, replyTo, headers, body);
  }

  private static @Nullable Object[] written(
      Sending sending,
      @Nullable Sending toEnd,
      Connection connection,
      @Nullable String replyTo,
      @Nullable Headers headers,
      byte @Nullable [] body) {
    sending.discardsBefore = Discards.countHere();
    Spans.describeHeaders(sending.ongoing.span, headers);
    Headers injected =
        Propagation.inject(
            sending.ongoing.context, connection, sending.subject, replyTo, headers, body);
    return new Object[] {injected, toEnd};
  }

  static void created(NatsRequestCompletableFuture future) {
    Sending begun = current.get();
    if (begun != null) {
      begun.future = future;
      field.set(future, begun);
    }
  }

  static @Nullable Sending of(NatsRequestCompletableFuture future) {
    return field.get(future);
  }

  /**
   * Whether the callbacks of the future run in the caller's context; who waits has no callbacks.
   */
  boolean hasCallbacks() {
    return !callerWaits;
  }

  /**
   * jnats completes the future now: its callbacks run before the span can end. A connection that
   * closes meanwhile completes it once more, in vain.
   */
  void completes() {
    if (completedAt == 0) {
      completedAt = System.nanoTime();
    }
  }

  void noResponders() {
    noResponders = true;
  }

  /** Nothing more on this thread is part of it. */
  void leave() {
    if (current.get() == this) {
      current.set(outer);
    }
  }

  /** jnats has taken the message, to write it or to drop it. */
  void endWrite(@Nullable Throwable thrown) {
    if (thrown == null && Discards.countHere() != discardsBefore) {
      ongoing.fail(Discards.ERROR);
      answerError = Discards.ERROR;
    }
    end(thrown);
  }

  void end(@Nullable Throwable thrown) {
    if (thrown != null) {
      ongoing.fail(thrown);
    }
    end();
    if (answer != null && thrown == null) {
      answer.given(answerError);
    }
  }

  private void end() {
    ongoing.countSent();
    long inCallbacks = completedAt == 0 ? 0 : System.nanoTime() - completedAt;
    if (inCallbacks < WORTH_TELLING_NANOS) {
      ongoing.end();
    } else {
      ongoing.end(Instant.now().minusNanos(inCallbacks), completedAt);
    }
  }

  void endRequest(@Nullable Message reply, @Nullable Throwable thrown) {
    if (thrown != null) {
      end(thrown);
    } else if (reply != null && future != null && isReplyOf(future, reply)) {
      String serviceError = Answer.errorIn(reply.getHeaders());
      if (serviceError != null) {
        ongoing.fail(serviceError);
      }
      end();
    } else {
      endWithoutReply(null);
    }
  }

  private void endWithoutReply(@Nullable Throwable failure) {
    ongoing.fail(whyNoReply(failure));
    end();
  }

  /** jnats may be told to return a message that says why there is none. */
  private static boolean isReplyOf(CompletableFuture<Message> future, Message reply) {
    return succeeded(future) && future.getNow(null) == reply;
  }

  private static boolean succeeded(CompletableFuture<?> future) {
    return future.isDone() && !future.isCompletedExceptionally();
  }

  /**
   * Whoever asked may have limited the time of the future itself; and after the time of who waits,
   * a reply may still come.
   */
  private String whyNoReply(@Nullable Throwable failure) {
    if (noResponders) {
      return "no_responders";
    }
    return future != null
            && future.isDone()
            && !future.wasCancelledTimedOut()
            && !(failure instanceof TimeoutException)
            && !(callerWaits && succeeded(future))
        ? "cancelled"
        : "timeout";
  }

  void endWhenReplied(CompletableFuture<Message> replied) {
    CompletableFuture<Message> unused =
        replied.whenComplete(
            (reply, thrown) -> {
              try {
                if (thrown == null) {
                  endRequest(reply, null);
                } else {
                  endWithoutReply(thrown);
                }
              } catch (Throwable fault) {
                Faults.report(fault);
              }
            });
  }

  /** jnats may have been told to ask for no acknowledgement. */
  void endPublish(@Nullable PublishAck ack, @Nullable Throwable thrown) {
    if (ack == null) {
      endWrite(thrown);
    } else {
      endAcknowledged(ack, null);
    }
  }

  private void endAcknowledged(@Nullable PublishAck ack, @Nullable Throwable thrown) {
    if (ack != null) {
      Span span = ongoing.span;
      span.setAttribute(Semantics.STREAM, ack.getStream());
      span.setAttribute(Semantics.STREAM_SEQUENCE, ack.getSeqno());
      if (ack.isDuplicate()) {
        span.setAttribute(Semantics.DUPLICATE, true);
      }
    }
    end(thrown);
  }

  void endWhenAcknowledged(CompletableFuture<PublishAck> acknowledged) {
    CompletableFuture<PublishAck> unused =
        acknowledged.whenComplete(
            (ack, thrown) -> {
              try {
                endAcknowledged(ack, thrown == null ? null : cause(thrown));
              } catch (Throwable fault) {
                Faults.report(fault);
              }
            });
  }

  /**
   * jnats wraps what went wrong into a RuntimeException, CompletableFuture that into a
   * CompletionException. An application's own exception may be its own cause, or have none to tell.
   */
  private static Throwable cause(Throwable thrown) {
    Throwable cause = thrown;
    for (int i = 0; i < WRAPPERS && isWrapper(cause) && cause.getCause() != null; i++) {
      cause = cause.getCause();
    }
    return cause;
  }

  private static boolean isWrapper(Throwable thrown) {
    return thrown instanceof CompletionException || thrown.getClass() == RuntimeException.class;
  }
}
