package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.LOGS;
import static dev.natschat.systemtests.Telemetry.TRACES;
import static dev.natschat.systemtests.Telemetry.eventually;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.natschat.telemetry.Span;
import dev.natschat.telemetry.TraceQuery;
import io.nats.client.AuthenticationException;
import io.nats.client.Nats;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What people write to each other, and what they log in with, is in no trace, log or metric. */
class CanaryIT {
  @Test
  void neitherTextNorTokenReachesTelemetry() throws Exception {
    Instant start = Instant.now().minusSeconds(1);
    String room = Chat.newRoom();
    String text = "canary-text-" + UUID.randomUUID();
    String word =
        "~" + UUID.randomUUID().toString().substring(0, 8); // what a broker quotes is short
    String badToken = "canary.token." + UUID.randomUUID();
    String goodToken = Chat.token("alice");
    try (Chat alice = Chat.with(goodToken, "alice")) {
      alice.say(room, text);
      alice.history(room);
      alice.nats.jetStream().publish("chat." + room, text.getBytes(UTF_8)); // a dead letter
      alice.nats.jetStream().publish("chat." + room, ("{\"user\":\"" + text).getBytes(UTF_8));
      alice.nats.jetStream().publish("chat." + room, alice.message(room, text + "\0"));
    }
    assertThatThrownBy(() -> Nats.connect(Chat.options(badToken, "alice").build()))
        .isInstanceOf(AuthenticationException.class);

    WireClient.breakTheProtocol("alice", word);

    // The last dead letter and the refusal are logged and traced: what could betray them has
    // arrived.
    eventually()
        .untilAsserted(
            () -> {
              assertThat(logs(start, "persist-worker"))
                  .anyMatch(line -> line.contains("nul_character"));
              assertThat(logs(start, "auth-service")).isNotEmpty();
              assertThat(logs(start, "nats-server"))
                  .anyMatch(line -> line.contains("authentication error"))
                  .anyMatch(line -> line.contains("parser ERROR"));
              assertThat(traces("auth-service")).anyMatch(t -> t.contains("exception"));
              assertThat(traces("persist-worker").filter(t -> t.contains(room)))
                  .hasSizeGreaterThanOrEqualTo(4);
            });

    List<String> everything =
        Stream.of(
                logs(start, ".+").stream(),
                traces("auth-service"),
                traces("persist-worker"),
                traces("history-service"),
                traces("system-tests"),
                Stream.of(metrics()))
            .flatMap(part -> part)
            .toList();
    assertThat(everything).anyMatch(part -> part.contains(room)); // the search finds what is there
    for (String secret :
        List.of(
            text,
            word,
            badToken,
            goodToken,
            goodToken.split("\\.", -1)[1],
            goodToken.split("\\.", -1)[2])) {
      assertThat(everything.stream().filter(part -> part.contains(secret))).isEmpty();
    }
  }

  /** Each record with all that Loki has of it. */
  private static List<String> logs(Instant start, String service) {
    return LOGS.query("{service_name=~\"" + service + "\"}", start, Instant.now(), 5000).stream()
        .map(Object::toString)
        .toList();
  }

  /** Each span with all that the trace store has of it. */
  private static Stream<String> traces(String service) {
    return TRACES.search(TraceQuery.ofService(service, Telemetry.RECENT, 100)).stream()
        .flatMap(id -> TRACES.trace(id).stream())
        .flatMap(trace -> trace.spans().stream())
        .map(Span::toString);
  }

  /** All series with their labels, and all exemplars. */
  private static String metrics() {
    Map<String, String> all = Map.of("match[]", "{__name__=~\".+\"}", "start", minutesAgo(15));
    Map<String, String> exemplars =
        Map.of("query", "{__name__=~\".+\"}", "start", minutesAgo(15), "end", minutesAgo(0));
    return BackEnds.prometheus("/api/v1/series", all).toString()
        + BackEnds.prometheus("/api/v1/query_exemplars", exemplars);
  }

  private static String minutesAgo(int minutes) {
    return Long.toString(Instant.now().minusSeconds(minutes * 60L).getEpochSecond());
  }
}
