package dev.natschat.persist;

import dev.natschat.persist.Poison.Reason;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import java.util.List;

/** What the worker counts; the agent exports it. */
final class Metrics {
  private static final String DATABASE_UNAVAILABLE = "database_unavailable";
  private static final AttributeKey<String> ERROR_TYPE = AttributeKey.stringKey("error.type");
  private static final List<Double> SECONDS =
      List.of(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1., 2.5, 5.);

  private final LongCounter persisted;
  private final LongCounter errors;
  private final LongCounter otherRoom;
  private final DoubleHistogram delay;

  Metrics() {
    Meter meter = GlobalOpenTelemetry.getMeter("dev.natschat.persist");
    persisted =
        meter
            .counterBuilder("messages.persisted")
            .setUnit("{message}")
            .setDescription("Messages that became a row; a redelivered one is counted once")
            .build();
    errors =
        meter
            .counterBuilder("messages.persist.errors")
            .setUnit("{error}")
            .setDescription("Messages set aside as dead letters, and failed tries of a batch")
            .build();
    otherRoom =
        meter
            .counterBuilder("messages.room.mismatches")
            .setUnit("{message}")
            .setDescription("Messages whose body names another room than their subject")
            .build();
    delay =
        meter
            .histogramBuilder("messages.persist.delay")
            .setUnit("s")
            .setDescription("From a message's arrival in the stream to the commit of its row")
            .setExplicitBucketBoundariesAdvice(SECONDS)
            .build();
    // A counter that starts at 0 shows its first increment as a rate.
    persisted.add(0);
    otherRoom.add(0);
    errors.add(0, of(DATABASE_UNAVAILABLE));
    for (Reason reason : Reason.values()) {
      errors.add(0, of(reason.errorType()));
    }
  }

  void persisted(int rows) {
    persisted.add(rows);
  }

  /**
   * @param millis since the message was stored in the stream, by two clocks: may be negative
   */
  void committedAfter(long millis) {
    delay.record(Math.max(0, millis) / 1e3);
  }

  void dead(Reason reason) {
    errors.add(1, of(reason.errorType()));
  }

  void databaseUnavailable() {
    errors.add(1, of(DATABASE_UNAVAILABLE));
  }

  void namedOtherRoom(int messages) {
    otherRoom.add(messages);
  }

  private static Attributes of(String errorType) {
    return Attributes.of(ERROR_TYPE, errorType);
  }
}
