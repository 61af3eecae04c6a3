package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.METRICS;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** After all tests but those that stop parts of the system: what fired while they ran. */
@Order(Order.DEFAULT + 1)
class UnprovokedAlertsIT {
  /** What the system tests bring about on purpose, all of it refused as it should be. */
  private static final Set<String> PROVOKED =
      Set.of("PoisonSeen", "LoginsRefused", "ServiceErrorRatio", "ServiceDropsTelemetry");

  /** On a machine that is slow enough these are right. */
  private static final Set<String> OF_SLOWNESS =
      Set.of("HistoryLatencyBudgetBurns", "CalloutNearTimeout");

  @Test
  void nothingFiredThatNobodyProvoked() {
    assertThat(firedSince(Duration.ofMillis(ManagementFactory.getRuntimeMXBean().getUptime())))
        .filteredOn(alert -> !OF_SLOWNESS.contains(alert))
        .isSubsetOf(PROVOKED);
  }

  /** Without what fired already: it is of something before. */
  private static Set<String> firedSince(Duration time) {
    String since = time.toSeconds() + 1 + "s";
    String firing = "ALERTS{alertstate=\"firing\"}";
    return METRICS
        .query("max_over_time(" + firing + "[" + since + "]) unless " + firing + " offset " + since)
        .stream()
        .map(series -> String.valueOf(series.labels().get("alertname")))
        .collect(Collectors.toSet());
  }
}
