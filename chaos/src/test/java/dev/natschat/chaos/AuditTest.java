package dev.natschat.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.natschat.chaos.Audit.Said;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AuditTest {
  @Test
  void historyIsTheLast50() {
    assertThat(Audit.isHistory(said(70, 120), said(0, 120))).isTrue();
    assertThat(Audit.isHistory(said(0, 50), said(0, 50))).isTrue();
  }

  @Test
  void historyOfAQuietRoomIsAllOfIt() {
    assertThat(Audit.isHistory(said(0, 3), said(0, 3))).isTrue();
    assertThat(Audit.isHistory(said(1, 3), said(0, 3))).isFalse();
  }

  @Test
  void newestIn49Or51AreNoHistory() {
    assertThat(Audit.isHistory(said(71, 120), said(0, 120))).isFalse();
    assertThat(Audit.isHistory(said(69, 120), said(0, 120))).isFalse();
    assertThat(Audit.isHistory(said(1, 50), said(0, 50))).isFalse();
  }

  @Test
  void noAnswerIsNoHistory() {
    assertThat(Audit.isHistory(List.of(), said(0, 120))).isFalse();
  }

  private static List<Said> said(int from, int to) {
    return IntStream.range(from, to).mapToObj(i -> new Said("alice", i)).toList();
  }
}
