package dev.natschat.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import org.junit.jupiter.api.Test;

class LinesPerSecondTest {
  @Test
  void soManyLinesAreTakenInASecondAndAsManyInAnother() {
    LinesPerSecond lines = new LinesPerSecond(2);

    await().until(() -> !lines.take()); // this second's are taken
    await().until(lines::take);
  }

  @Test
  void noneIsTakenWhereNoneIsAllowed() {
    assertThat(new LinesPerSecond(0).take()).isFalse();
  }
}
