package dev.natschat.agent;

import static java.util.Arrays.asList;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.LongUpDownCounter;
import io.opentelemetry.api.metrics.Meter;
import java.util.List;

/**
 * The instruments: those of the messaging conventions, with the buckets they advise
 * (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/), and jnats' own
 * statistics.
 */
final class Metrics {
  private static final List<Double> BUCKETS =
      asList(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0);

  private static final Meter meter =
      GlobalOpenTelemetry.get()
          .getMeterProvider()
          .meterBuilder(Spans.SCOPE)
          .setInstrumentationVersion(Spans.VERSION)
          .build();

  static final LongCounter sent =
      counter(
          "messaging.client.sent.messages",
          "{message}",
          "Messages that a producer tried to send to the server.");

  static final LongCounter consumed =
      counter(
          "messaging.client.consumed.messages",
          "{message}",
          "Messages that were delivered to the application.");

  private static final DoubleHistogram operationDuration =
      duration(
          "messaging.client.operation.duration",
          "Duration of publish, request, receive and settle operations.");

  private static final DoubleHistogram processDuration =
      duration("messaging.process.duration", "Duration of processing a message.");

  static final LongUpDownCounter connections =
      meter
          .upDownCounterBuilder("nats.client.connections")
          .setUnit("{connection}")
          .setDescription("Connections that are not closed.")
          .build();

  static final LongUpDownCounter outstandingRequests =
      meter
          .upDownCounterBuilder("nats.client.requests.outstanding")
          .setUnit("{request}")
          .setDescription("Requests and JetStream publishes that wait for their answer.")
          .build();

  static final LongCounter messages =
      counter(
          "nats.client.io.messages",
          "{message}",
          "Protocol messages on the wire, as jnats counts them.");

  static final LongCounter bytes =
      counter("nats.client.io.bytes", "By", "Bytes on the wire, as jnats counts them.");

  static final LongCounter reconnects =
      counter("nats.client.reconnects", "{reconnect}", "Times a connection was made again.");

  static final LongCounter dropped =
      counter(
          "nats.client.dropped.messages",
          "{message}",
          "Messages that jnats dropped, because a subscription's queue was full.");

  static final LongCounter slowConsumers =
      counter(
          "nats.client.slow_consumers",
          "{event}",
          "Times a subscription began to drop messages because its queue was full.");

  private Metrics() {}

  static boolean areReceiptsRead() {
    return consumed.isEnabled() || operationDuration.isEnabled();
  }

  static DoubleHistogram duration(Operation operation) {
    return operation == Operation.PROCESS || operation == Operation.ANSWER
        ? processDuration
        : operationDuration;
  }

  private static LongCounter counter(String name, String unit, String description) {
    return meter.counterBuilder(name).setUnit(unit).setDescription(description).build();
  }

  private static DoubleHistogram duration(String name, String description) {
    return meter
        .histogramBuilder(name)
        .setUnit("s")
        .setDescription(description)
        .setExplicitBucketBoundariesAdvice(BUCKETS)
        .build();
  }
}
