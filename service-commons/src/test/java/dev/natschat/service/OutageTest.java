package dev.natschat.service;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class OutageTest {
  private long now = Long.MAX_VALUE - 1; // a clock that overflows, as nanoTime may
  private final Outage outage = new Outage(() -> now);

  @Test
  void eachReasonIsNewsOnceAndAgainMinutesLater() {
    assertThat(outage.isNews("refused")).isTrue();
    assertThat(outage.isNews("refused")).isFalse();
    assertThat(outage.isNews("starting up")).isTrue();
    now += Outage.AGAIN.toNanos() - 1;
    assertThat(outage.isNews("refused")).isFalse();
    now++;
    assertThat(outage.isNews("refused")).isTrue();
    assertThat(outage.isNews("refused")).isFalse();
    assertThat(outage.isNews("starting up")).isTrue();
  }

  @Test
  void itsEndIsNewsOnceAndTheNextBeginsAnew() {
    assertThat(outage.ends()).isFalse();
    outage.isNews("refused");
    assertThat(outage.ends()).isTrue();
    assertThat(outage.ends()).isFalse();
    assertThat(outage.isNews("refused")).isTrue();
  }

  @Test
  void reasonsThatSomebodyInventsDoNotFloodTheLog() {
    int news = 0;
    for (int i = 0; i < 1000; i++) {
      news += outage.isNews("no such page: " + i) ? 1 : 0;
    }
    assertThat(news).isEqualTo(Outage.MOST_REASONS);
  }
}
