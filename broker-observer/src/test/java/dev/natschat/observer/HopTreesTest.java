package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.natschat.observer.HopTrees.Tree;
import io.opentelemetry.sdk.resources.Resource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * A message that goes from n1 to n2, from there to n3 and n4, and from n1 to n5; its events come in
 * any order, late, twice, or not at all.
 */
class HopTreesTest {
  private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";
  private static final String PUBLISHER = "b7ad6b7169203331";
  private static final long SECOND = 1_000_000_000L;
  private static final long T0 = 1_700_000_000L * SECOND;

  private final HopEvent n1 = event("n1", "", 0, "1", "2");
  private final HopEvent n2 = event("n2", "1", 10, "1.1", "1.2");
  private final HopEvent n3 = event("n3", "1.1", 20);
  private final HopEvent n4 = event("n4", "1.2", 21);
  private final HopEvent n5 = event("n5", "2", 11);
  private final List<HopEvent> all = List.of(n1, n2, n3, n4, n5);

  private long now;
  private final HopTrees trees = new HopTrees(() -> now);
  private final HopSpans spans = new HopSpans(Resource.empty());

  private static final List<String> WHOLE =
      List.of(
          "publish > ingress client@n1",
          "ingress client@n1 > egress route@n1 to 1",
          "ingress client@n1 > egress route@n1 to 2",
          "egress route@n1 to 1 > ingress route@n2",
          "ingress route@n2 > egress route@n2 to 1.1",
          "ingress route@n2 > egress route@n2 to 1.2",
          "egress route@n2 to 1.1 > ingress route@n3",
          "egress route@n2 to 1.2 > ingress route@n4",
          "egress route@n1 to 2 > ingress route@n5");

  private static HopEvent event(String server, String hop, long at, String... onward) {
    return event(server, hop, at, 0, onward);
  }

  /**
   * @param clock how far the server's clock is ahead
   */
  private static HopEvent event(String server, String hop, long at, long clock, String... onward) {
    List<HopEvent.Step> steps = new ArrayList<>();
    steps.add(step(HopEvent.Type.INGRESS, T0 + at + clock, hop.isEmpty() ? "client" : "route", ""));
    for (String next : onward) {
      steps.add(step(HopEvent.Type.EGRESS, T0 + at + 2 + clock, "route", next));
    }
    return new HopEvent(
        TRACE,
        PUBLISHER,
        new HopEvent.Server("ID" + server, server, "east", "2.12.15"),
        hop,
        10,
        steps,
        T0 + at + 3 + clock);
  }

  private static HopEvent.Step step(HopEvent.Type type, long nanos, String peer, String hop) {
    return new HopEvent.Step(
        type,
        nanos,
        peer,
        1,
        "",
        type == HopEvent.Type.INGRESS ? "CHAT" : "",
        type == HopEvent.Type.INGRESS ? "chat.a" : "",
        "",
        "",
        hop,
        "",
        false,
        "");
  }

  private List<String> edges(List<HopSpan> drawn) {
    Map<String, String> names =
        drawn.stream().collect(Collectors.toMap(HopSpan::id, HopTreesTest::name, (a, b) -> a));
    return drawn.stream()
        .map(
            span ->
                (span.parentId().equals(PUBLISHER)
                        ? "publish"
                        : names.getOrDefault(span.parentId(), "?"))
                    + " > "
                    + name(span))
        .toList();
  }

  private static String name(HopSpan span) {
    String hop = span.attributes().get(HopSpans.HOP);
    return span.name()
        + "@"
        + span.attributes().get(HopSpans.SERVER)
        + (span.name().startsWith("egress") ? " to " + hop : "");
  }

  private List<HopSpan> add(List<HopEvent> events) {
    List<HopSpan> drawn = new ArrayList<>();
    for (HopEvent event : events) {
      Tree tree = trees.add(event);
      if (tree != null) {
        drawn.addAll(spans.of(tree));
      }
    }
    return drawn;
  }

  private List<HopSpan> afterAWhile() {
    now += HopTrees.PATIENCE.toNanos();
    return trees.overdue().stream().flatMap(tree -> spans.of(tree).stream()).toList();
  }

  @Test
  void inWhateverOrderTheEventsComeTheTreeIsTheSame() {
    Random random = new Random(7);
    Set<Set<String>> ids = new HashSet<>();
    for (int i = 0; i < 200; i++) {
      List<HopEvent> shuffled = new ArrayList<>(all);
      Collections.shuffle(shuffled, random);

      List<HopSpan> drawn = add(shuffled);

      assertThat(edges(drawn)).containsExactlyInAnyOrderElementsOf(WHOLE);
      ids.add(drawn.stream().map(HopSpan::id).collect(Collectors.toSet()));
    }
    assertThat(ids).as("the ids follow from the events alone").hasSize(1);
    assertThat(afterAWhile()).isEmpty();
  }

  @Test
  void itIsHandedOutAtOnceWhenNothingIsMissingAndNotBefore() {
    assertThat(add(List.of(n1, n5, n2, n4))).isEmpty();
    assertThat(trees.overdue()).isEmpty();
    assertThat(add(List.of(n3))).hasSize(WHOLE.size());
  }

  @Test
  void whatWasLostLeavesNoSpanWithoutItsParent() {
    for (HopEvent lost : all) {
      List<HopEvent> rest = new ArrayList<>(all);
      rest.remove(lost);
      assertThat(add(rest)).isEmpty();

      assertThat(edges(afterAWhile())).noneMatch(edge -> edge.startsWith("?"));
      now += 100 * SECOND; // forgotten
      assertThat(trees.overdue()).isEmpty();
    }
  }

  @Test
  void whoseWayIsLostGoesUnderTheNearestThatIsKnown() {
    add(List.of(n1, n3, n5));
    List<HopSpan> drawn = afterAWhile();
    assertThat(edges(drawn))
        .contains("egress route@n1 to 1 > ingress route@n3")
        .doesNotContain("publish > ingress route@n3");
    assertThat(
            drawn.stream()
                .filter(s -> Boolean.TRUE.equals(s.attributes().get(HopSpans.PREDECESSOR_LOST)))
                .map(HopTreesTest::name))
        .containsExactly("ingress route@n3");

    now += 100 * SECOND;
    trees.overdue();
    add(List.of(n3, n5));
    assertThat(edges(afterAWhile()))
        .containsExactlyInAnyOrder("publish > ingress route@n3", "publish > ingress route@n5");
  }

  @Test
  void whatComesLateFindsItsPlace() {
    add(List.of(n1, n2, n4, n5));
    List<HopSpan> drawn = new ArrayList<>(afterAWhile());
    now += SECOND;
    drawn.addAll(add(List.of(n3)));
    assertThat(edges(drawn)).containsExactlyInAnyOrderElementsOf(WHOLE);
  }

  /** Thousands are remembered for a minute: with their events they would fill the heap. */
  @Test
  void whatWasDrawnKeepsNoEventsAndALateOneFindsItsPlaceAllTheSame() {
    add(List.of(n1, n2, n4, n5));
    now += HopTrees.PATIENCE.toNanos();
    Tree overdue = trees.overdue().get(0);
    List<HopSpan> drawn = new ArrayList<>(spans.of(overdue));
    assertThat(overdue.takeEvents()).isEmpty();

    drawn.addAll(add(List.of(n3)));
    assertThat(edges(drawn)).containsExactlyInAnyOrderElementsOf(WHOLE);
  }

  @Test
  void anEventThatIsDeliveredTwiceIsDrawnOnce() {
    assertThat(edges(add(List.of(n1, n2, n2, n1, n3, n3, n4, n5))))
        .containsExactlyInAnyOrderElementsOf(WHOLE);
  }

  @Test
  void aReplayMakesTheSameSpans() {
    List<HopSpan> first = add(all);
    assertThat(add(all)).containsExactlyInAnyOrderElementsOf(first);
  }

  /** n2's clock is 5 s behind, n5's is ahead. */
  @Test
  void noHopBeginsBeforeItWasSentAndAnEarlierClockIsToldInAnAttribute() {
    HopEvent behind = event("n2", "1", 10, -5 * SECOND, "1.1", "1.2");
    HopEvent ahead = event("n5", "2", 11, 5 * SECOND);
    List<HopSpan> drawn = add(List.of(n1, behind, n3, n4, ahead));

    HopSpan sent = named("egress route@n1 to 1", drawn);
    HopSpan shifted = named("ingress route@n2", drawn);
    assertThat(shifted.startNanos()).isEqualTo(sent.startNanos());
    assertThat(shifted.endNanos() - shifted.startNanos()).isEqualTo(2);
    assertThat(shifted.attributes().get(HopSpans.CLOCK_SHIFT)).isEqualTo(4_999_999);
    assertThat(named("egress route@n2 to 1.1", drawn).startNanos()).isEqualTo(shifted.endNanos());
    assertThat(named("ingress route@n3", drawn).attributes().get(HopSpans.CLOCK_SHIFT)).isNull();
    assertThat(named("ingress route@n5", drawn).startNanos()).isEqualTo(T0 + 11 + 5 * SECOND);
    assertThat(named("ingress route@n5", drawn).attributes().get(HopSpans.CLOCK_SHIFT)).isNull();
  }

  private static HopSpan named(String name, List<HopSpan> drawn) {
    return drawn.stream().filter(span -> name(span).equals(name)).findFirst().orElseThrow();
  }

  @Test
  void whatIsOpenIsBounded() {
    for (int i = 0; i < HopTrees.MAX_OPEN; i++) {
      HopEvent other = withTrace(n1, String.format("%032x", i + 1));
      assertThat(trees.hasRoomFor(other)).isTrue();
      trees.add(other);
    }
    assertThat(trees.hasRoomFor(withTrace(n1, "f".repeat(32)))).isFalse();
    assertThat(trees.hasRoomFor(withTrace(n2, String.format("%032x", 1)))).isTrue();
    assertThat(afterAWhile()).hasSize(3 * HopTrees.MAX_OPEN);
    assertThat(trees.hasRoomFor(n1)).isTrue();
  }

  /** A program may publish for ever under one traceparent, past a server that tells nothing. */
  @Test
  void whatComesUnderOneTraceparentIsBounded() {
    HopEvent before = n1;
    for (int i = 0; i < HopTrees.MAX_EVENTS - 1; i++) {
      assertThat(trees.add(before)).isNull();
      if (i == HopTrees.MAX_EVENTS / 2) {
        assertThat(afterAWhile()).hasSize(3 * (i + 1));
      }
      before = event("n1", "", i + 1, "1", "2");
    }
    assertThat(add(List.of(before))).hasSize(3 * (HopTrees.MAX_EVENTS / 2 - 1));
    assertThat(afterAWhile()).isEmpty();

    assertThat(add(List.of(n1))).isEmpty();
    assertThat(afterAWhile()).as("what was seen is forgotten").hasSize(3);
  }

  private static HopEvent withTrace(HopEvent event, String traceId) {
    return new HopEvent(
        traceId,
        event.parentId(),
        event.server(),
        event.hop(),
        event.size(),
        event.steps(),
        event.sentNanos());
  }
}
