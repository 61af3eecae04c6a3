package dev.natschat.auth;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.util.List;
import java.util.Locale;

/** How many questions were answered, how, and how long it took from their arrival. */
final class Metrics {
  enum Result {
    AUTHORIZED,
    REJECTED,
    ERROR;

    private Attributes attributes() {
      return Attributes.of(RESULT, toString());
    }

    /** As attributes name it. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final AttributeKey<String> RESULT = AttributeKey.stringKey("result");

  private final LongCounter requests;
  private final DoubleHistogram duration;

  Metrics(Meter meter) {
    requests =
        meter
            .counterBuilder("auth.requests")
            .setUnit("{request}")
            .setDescription("Authorization requests of the broker that were answered")
            .build();
    duration =
        meter
            .histogramBuilder("auth.request.duration")
            .setUnit("s")
            .setDescription("From the arrival of an authorization request to its answer")
            .setExplicitBucketBoundariesAdvice(
                List.of(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0))
            .build();
    for (Result result : Result.values()) {
      requests.add(0, result.attributes());
    }
  }

  /**
   * @param start System.nanoTime() of the request's arrival
   */
  void answered(Result result, long start) {
    requests.add(1, result.attributes());
    duration.record((System.nanoTime() - start) / 1e9);
  }
}
