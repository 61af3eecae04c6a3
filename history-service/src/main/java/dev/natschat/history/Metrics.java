package dev.natschat.history;

import dev.natschat.history.RequestFailed.Kind;
import dev.natschat.history.Workers.Turn;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.util.List;

/** What the service counts; the agent exports it. */
final class Metrics {
  private static final AttributeKey<String> ERROR_TYPE = AttributeKey.stringKey("error.type");
  private static final List<Double> SECONDS =
      List.of(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1., 2.5, 5.);

  private final LongCounter requests;
  private final LongCounter errors;
  private final DoubleHistogram duration;

  Metrics() {
    Meter meter = GlobalOpenTelemetry.getMeter("dev.natschat.history");
    requests =
        meter
            .counterBuilder("history.requests")
            .setUnit("{request}")
            .setDescription("Requests for a room's history, answered or not")
            .build();
    errors =
        meter
            .counterBuilder("history.request.errors")
            .setUnit("{error}")
            .setDescription("Requests for a room's history that were answered with an error")
            .build();
    duration =
        meter
            .histogramBuilder("history.request.duration")
            .setUnit("s")
            .setDescription("From the arrival of a request to its answer")
            .setExplicitBucketBoundariesAdvice(SECONDS)
            .build();
    // A counter that starts at 0 shows its first increment as a rate.
    requests.add(0);
    for (Kind kind : Kind.values()) {
      errors.add(0, of(kind));
    }
  }

  void answered(Turn turn) {
    requests.add(1);
    duration.record((System.nanoTime() - turn.arrivedAt()) / 1e9);
  }

  void failed(Kind kind, Turn turn) {
    answered(turn);
    errors.add(1, of(kind));
  }

  private static Attributes of(Kind kind) {
    return Attributes.of(ERROR_TYPE, kind.errorType());
  }
}
