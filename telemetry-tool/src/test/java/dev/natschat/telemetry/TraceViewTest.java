package dev.natschat.telemetry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TraceViewTest {
  private static final String ID = "0af7651916cd43dd8448eb211c80319c";
  private static final String BATCH = "4bf92f3577b34da6a3ce929d0e0e4736";
  private static final long START = 1_700_000_000_000_000_000L;

  @Test
  void aMessageIsOneTreeInAHundredColumns() {
    Trace trace =
        new Trace(
            ID,
            List.of(
                span(
                    "1",
                    null,
                    "chat-client",
                    "publish chat.*",
                    Span.Kind.PRODUCER,
                    0,
                    1.2,
                    Map.of(
                        "messaging.destination.name",
                        "chat.lobby",
                        "messaging.message.body.size",
                        "61")),
                span(
                    "2",
                    "1",
                    "persist-worker",
                    "process chat.*",
                    Span.Kind.CONSUMER,
                    1.4,
                    16.1,
                    Map.of(
                        "messaging.nats.stream_sequence",
                        "42",
                        "messaging.nats.delivery_count",
                        "2")),
                span(
                    "3",
                    "2",
                    "persist-worker",
                    "INSERT chat.messages",
                    Span.Kind.CLIENT,
                    2,
                    10,
                    Map.of()),
                span(
                    "4",
                    "2",
                    "persist-worker",
                    "settle chat.*",
                    Span.Kind.CLIENT,
                    17.4,
                    0.05,
                    Map.of())));

    assertThat(drawn(trace, 0))
        .isEqualTo(
            """
            TRACE 0af7651916cd43dd8448eb211c80319c  publish chat.*
            2023-11-14 22:13:20.000 UTC   17.5 ms   4 spans   2 services   no errors

             SERVICE        KIND     SPAN                                         AT      TOOK
             chat-client    PRODUCER publish chat.*                          0.00 ms   1.20 ms  █
                                     │  61 B, chat.lobby
             persist-worker CONSUMER └─ process chat.*                       1.40 ms   16.1 ms   ██████████████
                                        │  delivery 2, seq 42
             persist-worker CLIENT      ├─ INSERT chat.messages              2.00 ms   10.0 ms   █████████
             persist-worker CLIENT      └─ settle chat.*                     17.4 ms   0.05 ms                █
            """);
    assertThat(drawn(trace, 0).lines()).allMatch(line -> line.length() <= 100);
  }

  @Test
  void anErrorSaysWhatWentWrong() {
    Span failed =
        new Span(
            ID,
            "1",
            null,
            "auth-service",
            "",
            "validate token",
            Span.Kind.INTERNAL,
            START,
            1,
            true,
            "",
            Map.of(),
            List.of(
                new Span.Event(
                    "exception",
                    Map.of("exception.type", "Rejected", "exception.message", "expired"))),
            List.of());

    assertThat(drawn(new Trace(ID, List.of(failed)), 0))
        .contains("1 error\n")
        .contains("ERROR Rejected: expired");
  }

  @Test
  void aSpanWithoutItsParentIsDrawnAndSaid() {
    Trace trace =
        new Trace(
            ID,
            List.of(
                span(
                    "2",
                    "1",
                    "persist-worker",
                    "process chat.*",
                    Span.Kind.CONSUMER,
                    0,
                    1,
                    Map.of())));

    assertThat(drawn(trace, 0))
        .contains("1 span without the parent in this trace")
        .contains("⋯ process chat.*")
        .contains("its parent 1 is not in this trace");
  }

  @Test
  void parentsInACircleAreStillDrawn() {
    Trace trace =
        new Trace(
            ID,
            List.of(
                span("1", "2", "a", "one", Span.Kind.INTERNAL, 0, 1, Map.of()),
                span("2", "1", "a", "two", Span.Kind.INTERNAL, 0, 1, Map.of())));

    assertThat(drawn(trace, 0)).contains("one").contains("└─ two");
  }

  @Test
  void aHugeTraceIsCutAndCounted() {
    List<Span> spans = new ArrayList<>();
    spans.add(span("0", null, "a", "root", Span.Kind.INTERNAL, 0, 1, Map.of()));
    IntStream.range(1, 1_000)
        .forEach(
            i -> spans.add(span("c" + i, "0", "a", "child", Span.Kind.INTERNAL, 0, 1, Map.of())));

    String drawn = drawn(new Trace(ID, spans), 10);

    assertThat(drawn.lines().filter(line -> line.contains("child"))).hasSize(9);
    assertThat(drawn).contains("990 spans more not drawn (--limit 0 draws all)");
  }

  @Test
  void aVeryDeepTraceKeepsItsNamesReadable() {
    List<Span> spans = new ArrayList<>();
    spans.add(span("0", null, "a", "span 0", Span.Kind.INTERNAL, 0, 1, Map.of()));
    IntStream.range(1, 300)
        .forEach(
            i ->
                spans.add(
                    span(
                        "" + i,
                        "" + (i - 1),
                        "a",
                        "span " + i,
                        Span.Kind.INTERNAL,
                        0,
                        1,
                        Map.of())));

    assertThat(drawn(new Trace(ID, spans), 0)).contains("└─ span 299 ");
  }

  @Test
  void linksAreShownWithWhatTheyLeadTo() {
    Trace batch =
        new Trace(
            BATCH,
            List.of(
                span(
                    "b",
                    null,
                    "persist-worker",
                    "process chat.*",
                    Span.Kind.CONSUMER,
                    0,
                    1,
                    Map.of())));
    Span message =
        new Span(
            ID,
            "1",
            null,
            "persist-worker",
            "",
            "process chat.*",
            Span.Kind.CONSUMER,
            START,
            1,
            false,
            "",
            Map.of(),
            List.of(),
            List.of(
                new Span.Link(BATCH, "b"), new Span.Link(BATCH, "gone"), new Span.Link(ID, "1")));

    String drawn = drawn(new Trace(ID, List.of(message)), 0, batch);

    assertThat(drawn)
        .contains("↗ " + BATCH + "  process chat.* of persist-wor")
        .contains("↗ " + BATCH + "  a span that is not stored (y")
        .contains("↗ in this trace  process chat.* of persist-worker");
  }

  @Test
  void withoutUnicodeAllIsAscii() {
    Trace trace =
        new Trace(
            ID,
            List.of(
                span("1", null, "a", "one", Span.Kind.INTERNAL, 0, 1, Map.of()),
                span(
                    "2",
                    "1",
                    "a",
                    "two",
                    Span.Kind.INTERNAL,
                    0,
                    1,
                    Map.of("url.full", "x".repeat(200)))));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    new TraceView(
            new Terminal(100, false, false),
            new PrintStream(bytes, true, UTF_8),
            0,
            false,
            id -> Optional.empty())
        .draw(trace);

    assertThat(bytes.toString(UTF_8)).contains("`- two").matches("\\p{ASCII}+");
  }

  @Test
  void aSpansTextCannotSteerTheTerminal() {
    String drawn = drawn(new Trace(ID, List.of(named("say\u009b2J \u202e\u001b[2J\u2069"))), 0);

    assertThat(drawn)
        .contains("  say 2J  [2J \n")
        .doesNotContainPattern("[\\p{Cc}\u202a-\u202e\u2066-\u2069&&[^\n]]");
  }

  @Test
  void manyLinksAreCounted() {
    Span batch =
        new Span(
            ID,
            "1",
            null,
            "persist-worker",
            "",
            "process chat.*",
            Span.Kind.CONSUMER,
            START,
            1,
            false,
            "",
            Map.of(),
            List.of(),
            IntStream.range(0, 200).mapToObj(i -> new Span.Link(BATCH, "s" + i)).toList());

    assertThat(drawn(new Trace(ID, List.of(batch)), 0)).contains("↗ and 195 more links");
  }

  static Span named(String name) {
    return span("1", null, "chat-client", name, Span.Kind.INTERNAL, 0, 1, Map.of());
  }

  private static Span span(
      String id,
      @Nullable String parent,
      String service,
      String name,
      Span.Kind kind,
      double atMs,
      double tookMs,
      Map<String, String> attributes) {
    return new Span(
        ID,
        id,
        parent,
        service,
        "",
        name,
        kind,
        START + (long) (atMs * 1e6),
        (long) (tookMs * 1e6),
        false,
        "",
        attributes,
        List.of(),
        List.of());
  }

  private static String drawn(Trace trace, int limit, Trace... others) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new TraceView(
            new Terminal(100, false, true),
            new PrintStream(bytes, true, UTF_8),
            limit,
            false,
            id ->
                List.of(others).stream()
                    .filter(t -> t.id().equals(id))
                    .findFirst()
                    .or(Optional::empty))
        .draw(trace);
    return bytes.toString(UTF_8);
  }
}
