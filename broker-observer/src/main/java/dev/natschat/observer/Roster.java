package dev.natschat.observer;

import io.opentelemetry.api.common.Attributes;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The servers that answer, and those that did within the last hour: so that one that has vanished
 * is seen. For one thread.
 */
final class Roster {
  private static final Logger log = LoggerFactory.getLogger(Roster.class);
  private static final long REMEMBERED_NANOS = Duration.ofHours(1).toNanos();

  /** A server without a name has another one after each restart. */
  private static final int MAX_SERVERS = 1000;

  private final Map<Attributes, Known> servers = new HashMap<>();
  private final LongSupplier nanoTime;

  Roster(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  void heard(Answer answer) {
    Attributes server = Statistics.server(answer);
    Known known = servers.get(server);
    if (known == null) {
      if (servers.size() >= MAX_SERVERS) {
        return;
      }
      known = new Known(answer.id());
      servers.put(server, known);
    }
    if (!known.id.equals(answer.id())) {
      log.warn("Server {} of {} has been started again", answer.server(), answer.cluster());
      known.id = answer.id();
    }
    if (!known.up) {
      log.info("Server {} of {} answers", answer.server(), answer.cluster());
      known.up = true;
    }
    known.heardInThisRound = true;
    known.heardAt = nanoTime.getAsLong();
  }

  /** Gives the number of servers heard since the round before. */
  int endRound(Measurements into) {
    servers.values().removeIf(known -> nanoTime.getAsLong() - known.heardAt > REMEMBERED_NANOS);
    int heard = 0;
    for (Map.Entry<Attributes, Known> entry : servers.entrySet()) {
      Known known = entry.getValue();
      if (known.up && !known.heardInThisRound) {
        log.warn(
            "Server {} of {} does not answer",
            entry.getKey().get(Statistics.SERVER),
            entry.getKey().get(Statistics.CLUSTER));
      }
      known.up = known.heardInThisRound;
      known.heardInThisRound = false;
      heard += known.up ? 1 : 0;
      into.put(Metric.SERVER_UP, entry.getKey(), known.up ? 1 : 0);
    }
    into.put(Metric.SERVERS, Attributes.empty(), heard);
    return heard;
  }

  private static final class Known {
    private String id;
    private boolean up;
    private boolean heardInThisRound;
    private long heardAt;

    Known(String id) {
      this.id = id;
    }
  }
}
