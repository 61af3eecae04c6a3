package dev.natschat.agent;

import static java.util.Collections.emptyList;

import io.nats.client.Message;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A message, or a batch, while the application works on it: one span, current on the thread. */
final class Processing {
  private final @Nullable Ongoing ongoing;
  private final Scope scope;
  private final boolean ends;
  private final @Nullable Answer answer;

  /** Messages of a batch that nobody can settle. */
  private final List<Ongoing> endingWithIt;

  @SuppressWarnings("MustBeClosedChecker") // closed by end
  private Processing(
      @Nullable Ongoing ongoing,
      boolean ends,
      @Nullable Answer answer,
      List<Ongoing> endingWithIt) {
    this.endingWithIt = endingWithIt;
    this.ongoing = ongoing;
    this.ends = ends;
    this.answer = answer;
    Context context = ongoing == null ? Context.root() : ongoing.context;
    this.scope = (answer == null ? context : answer.whileHandled(context)).makeCurrent();
  }

  private static Processing of(Ongoing ongoing) {
    return of(ongoing, emptyList());
  }

  static Processing of(Ongoing ongoing, List<Ongoing> endingWithIt) {
    return new Processing(ongoing, true, null, endingWithIt);
  }

  /** What is processed lasts longer than this stretch of work. */
  private static Processing within(Ongoing ongoing) {
    return new Processing(ongoing, false, null, emptyList());
  }

  /**
   * A handler gets a message. Where that is no work of its own, the handler runs in no context: its
   * thread may have inherited that of whoever started it.
   */
  static Processing inHandler(Message message) {
    if (message.isStatusMessage() || isReply(message)) {
      return quiet((Answer) null);
    }
    if (Subjects.isDiscovery(message.getSubject())
        || Subjects.get().isExcluded(message.getSubject())) {
      return quiet(message);
    }
    Delivery delivery = Delivery.ofOrNew(message);
    Processing processing = start(message, delivery);
    if (processing.ongoing != null) {
      processing.ongoing.countConsumed();
    }
    return processing;
  }

  /**
   * A message that was pulled alone is processed in the trace of its producer; null within the
   * handler that it was given to.
   */
  static @Nullable Processing pulledAlone(Message message, Delivery delivery) {
    if (delivery.isOpen()) {
      return within(delivery.open(message));
    }
    Ongoing begun = delivery.processing;
    if (begun == null || begun.hasEnded()) {
      return start(message, delivery);
    }
    return isInTraceOf(begun) ? null : within(begun);
  }

  private static boolean isInTraceOf(Ongoing begun) {
    String current = Span.current().getSpanContext().getTraceId();
    return current.equals(begun.span.getSpanContext().getTraceId());
  }

  private static Processing start(Message message, Delivery delivery) {
    String replyTo = message.isJetStream() ? null : message.getReplyTo();
    Operation operation = replyTo == null ? Operation.PROCESS : Operation.ANSWER;
    Ongoing ongoing = delivery.begin(message, operation);
    return replyTo == null
        ? of(ongoing)
        : new Processing(ongoing, false, Answer.owe(replyTo, ongoing), emptyList());
  }

  /** Service discovery, and what the user does not want to see; so are the answers to it. */
  private static Processing quiet(Message message) {
    String replyTo = message.isJetStream() ? null : message.getReplyTo();
    return quiet(replyTo == null ? null : Answer.oweQuietly(replyTo));
  }

  private static Processing quiet(@Nullable Answer answer) {
    return new Processing(null, false, answer, emptyList());
  }

  static boolean isReply(Message message) {
    return !message.isJetStream()
        && Subjects.get().isInbox(message.getSubject(), message.getConnection());
  }

  void end(@Nullable Throwable thrown) {
    try {
      scope.close();
    } finally {
      if (thrown != null && ongoing != null) {
        ongoing.fail(thrown);
      }
      if (ends && ongoing != null) {
        ongoing.end();
      }
      for (Ongoing message : endingWithIt) {
        if (thrown != null) {
          message.fail(thrown.getClass().getName());
        }
        message.end();
      }
      if (answer != null) {
        answer.handlerReturned(thrown != null);
      }
    }
  }
}
