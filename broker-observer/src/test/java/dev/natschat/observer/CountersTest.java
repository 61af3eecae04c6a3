package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.api.common.Attributes;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class CountersTest {
  private static final Metric METRIC = Metric.SERVER_MESSAGES_SENT;
  private static final Attributes N1 = Attributes.of(Statistics.SERVER, "n1");
  private static final Attributes N2 = Attributes.of(Statistics.SERVER, "n2");

  private long now;
  private final Counters counters = new Counters(() -> now);

  @Test
  void whatWasCountedBeforeIsNotOurs() {
    assertThat(total("a", 1_000_000)).isZero();
    assertThat(total("a", 1_000_007)).isEqualTo(7);
  }

  @Test
  void aRestartedServerCountsFromZeroAndTheTotalGoesOn() {
    total("a", 1000);
    assertThat(total("a", 1005)).isEqualTo(5);
    assertThat(total("b", 3)).isEqualTo(8);
    assertThat(total("b", 4)).isEqualTo(9);
  }

  @Test
  void aRestartedServerThatHasCountedFurtherThanBeforeLosesNothing() {
    total("a", 10);
    assertThat(total("b", 30)).isEqualTo(30);
  }

  @Test
  void anOlderReadingTakesNothingAwayAndIsNotCountedTwice() {
    total("a", 10);
    assertThat(total("a", 20)).isEqualTo(10);
    assertThat(total("a", 15)).isEqualTo(10);
    assertThat(total("a", 21)).isEqualTo(11);
  }

  @Test
  void seriesAreApart() {
    total("a", 10);
    counters.total(METRIC, N2, "a", 500);
    counters.total(Metric.SERVER_BYTES_SENT, N1, "a", 900);
    assertThat(total("a", 11)).isEqualTo(1);
  }

  @Test
  void whatIsReadAgainWithinTheHourIsKept() {
    total("a", 10);
    now += Duration.ofMinutes(59).toNanos();
    counters.prune();
    assertThat(total("a", 12)).isEqualTo(2);
    now += Duration.ofMinutes(59).toNanos();
    counters.prune();
    assertThat(total("a", 13)).isEqualTo(3);
  }

  @Test
  void whatIsSilentForAnHourIsForgotten() {
    total("a", 10);
    now += Duration.ofMinutes(61).toNanos();
    counters.prune();
    assertThat(total("a", 12)).isZero();
  }

  @Test
  void seriesAreNotWithoutEnd() {
    for (int i = 0; i < 20_000; i++) {
      assertThat(series(i)).isNotNull();
    }
    assertThat(series(20_000)).isNull();
    assertThat(series(0)).isZero();
  }

  private @Nullable Double series(int i) {
    return counters.total(METRIC, Attributes.of(Statistics.CONSUMER, "c" + i), "a", 1);
  }

  private @Nullable Double total(String incarnation, double reading) {
    return counters.total(METRIC, N1, incarnation, reading);
  }
}
