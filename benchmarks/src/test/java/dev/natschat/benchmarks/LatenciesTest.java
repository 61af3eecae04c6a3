package dev.natschat.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LatenciesTest {
  private final Latencies latencies = new Latencies();

  @Test
  void aShareIsTheLeastThatSoManyTookNoLongerThan() {
    for (int millis = 100; millis >= 1; millis--) {
      latencies.add(millis * 1_000_000L);
    }
    assertThat(latencies.millis(0.5)).isEqualTo(50);
    assertThat(latencies.millis(0.99)).isEqualTo(99);
    assertThat(latencies.millis(1)).isEqualTo(100);
    assertThat(latencies.millis(0)).isEqualTo(1);
  }

  @Test
  void ofNothingThereIsNoShare() {
    assertThat(latencies.millis(0.5)).isNaN();
  }
}
