package dev.natschat.agent;

import io.nats.client.Connection;
import io.nats.client.Message;
import io.nats.client.Subscription;
import io.opentelemetry.api.common.Attributes;
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

  private final Destination destination;
  private final Operation operation;
  private final long startedAt;
  private @Nullable ServerAddress server;
  private @Nullable String group;
  private @Nullable String errorType;
  private boolean ended;

  private Ongoing(
      Destination destination, Operation operation, Span span, Context context, long startedAt) {
    this.destination = destination;
    this.operation = operation;
    this.span = span;
    this.context = context;
    this.startedAt = startedAt;
  }

  static Ongoing begin(Destination destination, Operation operation, Context parent) {
    return begin(
        Spans.builder(destination, operation, parent),
        destination,
        operation,
        parent,
        System.nanoTime());
  }

  /** The builder has links or an earlier start; {@code startedAt} is of System.nanoTime. */
  static Ongoing begin(
      SpanBuilder builder,
      Destination destination,
      Operation operation,
      Context parent,
      long startedAt) {
    Span span = Spans.start(builder, destination, operation, parent);
    return new Ongoing(destination, operation, span, parent.with(span), startedAt);
  }

  /** Measured only. */
  static Ongoing withoutSpan(
      Destination destination, Operation operation, Context parent, long startedAt) {
    return new Ongoing(destination, operation, Span.getInvalid(), parent, startedAt);
  }

  void isWith(@Nullable Connection connection) {
    if (server == null && connection != null) {
      server = ServerAddress.of(connection);
      Spans.describeServer(span, server);
    }
  }

  /** The message it works on. */
  void isOf(Message message) {
    Subscription subscription = message.getSubscription();
    group = subscription == null ? null : subscription.getQueueName();
    Spans.describeDelivered(span, message);
    isWith(message.getConnection());
  }

  /** A message that was waited for is here. */
  void isReceived(Message message) {
    isOf(message);
    countConsumed();
    end();
  }

  void fail(Throwable thrown) {
    span.recordException(thrown);
    fail(thrown.getClass().getName());
  }

  void fail(String type) {
    errorType = type;
    Spans.fail(span, type);
  }

  void end() {
    span.end();
    measure(System.nanoTime());
  }

  /** It had ended some time ago: at the same moment by two clocks. */
  void end(Instant at, long nanoTime) {
    span.end(at);
    measure(nanoTime);
  }

  /** A message is sent: counted by where it goes. */
  void countSent() {
    Metrics.sent.add(1, attributes(), context);
  }

  /** A message is handed to the application. */
  void countConsumed() {
    Metrics.consumed.add(1, attributes(), context);
  }

  private void measure(long endedAt) {
    if (operation != Operation.BATCH && !ended) {
      ended = true;
      Metrics.duration(operation).record((endedAt - startedAt) / 1e9, attributes(), context);
    }
  }

  private Attributes attributes() {
    return destination.metricAttributes(operation, server, group, errorType);
  }
}
