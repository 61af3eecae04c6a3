package dev.natschat.agent;

import io.nats.client.Connection;
import io.nats.client.Message;
import io.nats.client.Subscription;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.context.Context;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** An operation between its begin and its end: its span, and what its metrics will say. */
final class Ongoing {
  final Span span;

  /** The context of who began it, with its span. */
  final Context context;

  private Common common;
  private final long startedAt;
  private @Nullable String errorType;
  private boolean ended;

  private Ongoing(Common common, Span span, Context context, long startedAt) {
    this.common = common;
    this.span = span;
    this.context = context;
    this.startedAt = startedAt;
  }

  /** The connection may be known later: {@link #isWith}. */
  static Ongoing begin(
      Destination destination,
      Operation operation,
      Context parent,
      @Nullable Connection connection) {
    SpanBuilder builder = Spans.builder(destination, operation, parent);
    return begin(builder, destination, operation, parent, connection);
  }

  /** The builder has links. */
  static Ongoing begin(
      SpanBuilder builder,
      Destination destination,
      Operation operation,
      Context parent,
      @Nullable Connection connection) {
    Common common = common(destination, operation, connection);
    Span span = Spans.start(builder, common.ofSpans, parent);
    return new Ongoing(common, span, parent.with(span), now(operation));
  }

  /** A message on its way out. */
  static Ongoing beginSending(
      Destination destination,
      Operation operation,
      Context parent,
      @Nullable Connection connection,
      String subject,
      byte @Nullable [] body) {
    Common common = common(destination, operation, connection);
    SpanBuilder builder = Spans.builder(destination, operation, parent);
    Span span = Spans.startSending(builder, common.ofSpans, parent, subject, body);
    return new Ongoing(common, span, parent.with(span), now(operation));
  }

  /**
   * Work on a message; the builder has links or an earlier start, {@code startedAt} is of {@link
   * #now}.
   */
  static Ongoing begin(
      SpanBuilder builder,
      Destination destination,
      Operation operation,
      Context parent,
      Message message,
      long startedAt) {
    Common common = common(destination, operation, message);
    Span span = Spans.startDelivered(builder, common.ofSpans, parent, message);
    return new Ongoing(common, span, parent.with(span), startedAt);
  }

  /** Measured only. */
  static Ongoing withoutSpan(
      Destination destination,
      Operation operation,
      Context parent,
      @Nullable Connection connection) {
    Common common = common(destination, operation, connection);
    return new Ongoing(common, Span.getInvalid(), parent, now(operation));
  }

  /** Measured only. */
  static Ongoing withoutSpan(
      Destination destination,
      Operation operation,
      Context parent,
      Message message,
      long startedAt) {
    Common common = common(destination, operation, message);
    return new Ongoing(common, Span.getInvalid(), parent, startedAt);
  }

  private static Common common(
      Destination destination, Operation operation, @Nullable Connection connection) {
    ServerAddress server = connection == null ? null : ServerAddress.of(connection);
    return destination.common(operation, server, null);
  }

  private static Common common(Destination destination, Operation operation, Message message) {
    Connection connection = message.getConnection();
    Subscription subscription = message.getSubscription();
    return destination.common(
        operation,
        connection == null ? null : ServerAddress.of(connection),
        subscription == null ? null : subscription.getQueueName());
  }

  void isWith(@Nullable Connection connection) {
    if (common.server == null && connection != null) {
      ServerAddress server = ServerAddress.of(connection);
      if (server != null) {
        common = common.destination.common(common.operation, server, common.group);
        span.setAllAttributes(server.attributes);
      }
    }
  }

  /** A message that was waited for is here, since then by System.nanoTime. */
  void isReceived(long at) {
    countConsumed();
    span.end();
    measure(at);
  }

  void fail(Throwable thrown) {
    fail(thrown.getClass().getName());
    try {
      span.recordException(thrown);
    } catch (Throwable ofItsOwn) {
      // It cannot be told what happened: the application's exception has a method that throws.
    }
  }

  /** Its span says so when it ends: until then, what failed may be tried again. */
  void fail(String type) {
    errorType = type;
  }

  /** What failed before was mended. */
  void succeed() {
    errorType = null;
  }

  private void tellError() {
    if (errorType != null) {
      Spans.fail(span, errorType);
    }
  }

  void end() {
    tellError();
    span.end();
    measure(now(common.operation));
  }

  boolean hasEnded() {
    return ended;
  }

  /** Nobody knows when it ended. */
  void endUnmeasured() {
    ended = true;
    tellError();
    span.end();
  }

  /** By System.nanoTime; 0 where nobody reads the metric. */
  static long now(Operation operation) {
    return Metrics.duration(operation).isEnabled() ? System.nanoTime() : 0;
  }

  /** It had ended some time ago: at the same moment by two clocks. */
  void end(Instant at, long nanoTime) {
    tellError();
    span.end(at);
    measure(nanoTime);
  }

  /** A message is sent: counted by where it goes. */
  void countSent() {
    if (Metrics.sent.isEnabled()) {
      Metrics.sent.add(1, common.ofMetrics(errorType), context);
    }
  }

  /** A message is handed to the application. */
  void countConsumed() {
    if (Metrics.consumed.isEnabled()) {
      Metrics.consumed.add(1, common.ofMetrics(errorType), context);
    }
  }

  private void measure(long endedAt) {
    if (common.operation != Operation.BATCH && !ended) {
      ended = true;
      DoubleHistogram duration = Metrics.duration(common.operation);
      if (duration.isEnabled()) {
        duration.record((endedAt - startedAt) / 1e9, common.ofMetrics(errorType), context);
      }
    }
  }
}
