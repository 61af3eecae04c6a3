package dev.natschat.client;

import static org.assertj.core.api.Assertions.assertThat;

import dev.natschat.client.ChatException.Kind;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TallyTest {
  private final Tally tally = new Tally();

  @Test
  void quantilesAreThoseOfTheAccepted() {
    for (int millis = 2000; millis >= 1; millis--) {
      tally.add(millis * 1_000_000L, null);
    }
    tally.add(1_000_000_000_000L, new ChatException(Kind.REFUSED, "full"));
    assertThat(tally.accepted()).isEqualTo(2000);
    assertThat(tally.latencyMillis(.5)).isEqualTo(1000);
    assertThat(tally.latencyMillis(.99)).isEqualTo(1980);
    assertThat(tally.latencyMillis(1)).isEqualTo(2000);
  }

  @Test
  void failuresAreCountedByTheirReason() {
    tally.add(1, new ChatException(Kind.REFUSED, "full"));
    tally.add(1, new ChatException(Kind.REFUSED, "full"));
    tally.add(1, new ChatException(Kind.UNAVAILABLE, "late"));
    assertThat(tally.failures()).isEqualTo(Map.of("full", 2L, "late", 1L));
    assertThat(tally.accepted()).isZero();
  }
}
