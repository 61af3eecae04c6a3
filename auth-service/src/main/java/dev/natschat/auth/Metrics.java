package dev.natschat.auth;

import dev.natschat.auth.Refusal.Reason;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.util.List;
import java.util.Locale;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

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
  private static final AttributeKey<String> REASON = AttributeKey.stringKey("reason");

  private final LongCounter requests;
  private final LongCounter refusals;
  private final DoubleHistogram duration;

  /**
   * @param keys how many keys are known at the moment
   * @param keyFailures how many times Keycloak was asked for them in vain
   */
  @SuppressWarnings("CheckReturnValue") // the gauge lives as long as the process
  Metrics(Meter meter, IntSupplier keys, LongSupplier keyFailures) {
    meter
        .gaugeBuilder("auth.keys")
        .ofLongs()
        .setUnit("{key}")
        .setDescription("Keycloak's keys that tokens are checked with; without one, nobody logs in")
        .buildWithCallback(measurement -> measurement.record(keys.getAsInt()));
    meter
        .counterBuilder("auth.keys.failures")
        .setUnit("{failure}")
        .setDescription("Times that Keycloak was asked for its keys, and gave none")
        .buildWithCallback(measurement -> measurement.record(keyFailures.getAsLong()));
    requests =
        meter
            .counterBuilder("auth.requests")
            .setUnit("{request}")
            .setDescription("Authorization requests of the broker that were answered")
            .build();
    refusals =
        meter
            .counterBuilder("auth.refusals")
            .setUnit("{refusal}")
            .setDescription("Clients that were not let in, by the reason")
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
    for (Reason reason : Reason.values()) {
      refusals.add(0, Attributes.of(REASON, reason.toString()));
    }
  }

  /**
   * @param start System.nanoTime() of the request's arrival
   */
  void answered(Result result, long start) {
    requests.add(1, result.attributes());
    duration.record((System.nanoTime() - start) / 1e9);
  }

  /** That many were neither read nor answered. */
  void dropped(long requests) {
    this.requests.add(requests, Result.ERROR.attributes());
    refusals.add(requests, Attributes.of(REASON, Reason.DROPPED.toString()));
  }

  void refused(Reason reason) {
    refusals.add(1, Attributes.of(REASON, reason.toString()));
  }
}
