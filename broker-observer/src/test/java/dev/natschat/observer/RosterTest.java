package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.opentelemetry.api.common.Attributes;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RosterTest {
  private static final Attributes N1 = named("n1");
  private static final Attributes N2 = named("n2");

  private long now;
  private final Roster roster = new Roster(() -> now);

  @Test
  void whoAnswersIsUp() {
    assertThat(roundWith("n1", "n2")).isEqualTo(Map.of(N1, 1.0, N2, 1.0));
  }

  @Test
  void whoAnswersSeveralQuestionsIsOneServer() {
    assertThat(roundWith("n1", "n1", "n1")).isEqualTo(Map.of(N1, 1.0));
  }

  @Test
  void whoIsSilentIsDownUntilItAnswers() {
    roundWith("n1", "n2");
    assertThat(roundWith("n1")).isEqualTo(Map.of(N1, 1.0, N2, 0.0));
    assertThat(roundWith()).isEqualTo(Map.of(N1, 0.0, N2, 0.0));
    assertThat(roundWith("n2")).isEqualTo(Map.of(N1, 0.0, N2, 1.0));
  }

  @Test
  void whoIsSilentForAnHourIsForgotten() {
    roundWith("n1", "n2");
    now += Duration.ofMinutes(59).toNanos();
    assertThat(roundWith("n1")).containsEntry(N2, 0.0);
    now += Duration.ofMinutes(2).toNanos();
    assertThat(roundWith("n1")).isEqualTo(Map.of(N1, 1.0));
  }

  @Test
  void serversAreNotRememberedWithoutEnd() {
    for (int i = 0; i < 1100; i++) {
      roster.heard(answer("s" + i));
    }
    assertThat(roster.endRound(new Measurements())).isEqualTo(1000);
  }

  private Map<Attributes, Double> roundWith(String... servers) {
    for (String server : servers) {
      roster.heard(answer(server));
    }
    Measurements measurements = new Measurements();
    int heard = roster.endRound(measurements);
    assertThat(measurements.of(Metric.SERVERS))
        .isEqualTo(Map.of(Attributes.empty(), (double) heard));
    return measurements.of(Metric.SERVER_UP);
  }

  private static Answer answer(String server) {
    return new Answer(
        Question.STATSZ, server, "c", server + "-id", JsonNodeFactory.instance.objectNode());
  }

  private static Attributes named(String server) {
    return Attributes.of(Statistics.SERVER, server, Statistics.CLUSTER, "c");
  }
}
