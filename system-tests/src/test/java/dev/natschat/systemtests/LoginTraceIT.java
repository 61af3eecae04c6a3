package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.edges;
import static dev.natschat.systemtests.Telemetry.eventually;
import static dev.natschat.systemtests.Telemetry.has;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.natschat.telemetry.Span;
import dev.natschat.telemetry.Trace;
import io.nats.client.AuthenticationException;
import io.nats.client.Nats;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** A login is one trace of the auth callout with its steps; a refusal shows at which step. */
class LoginTraceIT {
  private static final String CALLOUT = "process $SYS.REQ.USER.AUTH";

  @Test
  void aLoginIsOneTraceOfTheCalloutsSteps() throws Exception {
    long before = now();
    try (Chat alice = Chat.as("alice")) {
      assertThat(alice.nats.getStatus()).hasToString("CONNECTED");
    }

    Trace trace =
        calloutSince(
            before, t -> has(t, "auth-service", "respond") && has(t, "auth-service", CALLOUT));

    assertThat(edges(trace))
        .containsExactlyInAnyOrder(
            "- > auth-service server process $sys.req.user.auth",
            "auth-service server process $sys.req.user.auth > auth-service internal decrypt",
            "auth-service server process $sys.req.user.auth > auth-service internal validate token",
            "auth-service server process $sys.req.user.auth > auth-service internal map permissions",
            "auth-service server process $sys.req.user.auth > auth-service internal respond");
    assertThat(trace.spans()).noneMatch(Span::error);
  }

  @Test
  void aRefusedTokenShowsAtWhichStep() throws Exception {
    long before = now();

    assertThatThrownBy(() -> Nats.connect(Chat.options("no.such.token", "alice").build()))
        .isInstanceOf(AuthenticationException.class);

    Trace trace =
        calloutSince(
            before,
            t ->
                t.named("validate token").stream().anyMatch(Span::error)
                    && has(t, "auth-service", CALLOUT));
    assertThat(edges(trace))
        .containsExactlyInAnyOrder(
            "- > auth-service server process $sys.req.user.auth",
            "auth-service server process $sys.req.user.auth > auth-service internal decrypt",
            "auth-service server process $sys.req.user.auth > auth-service internal validate token",
            "auth-service server process $sys.req.user.auth > auth-service internal respond");
    assertThat(trace.named("validate token").get(0).events())
        .extracting(Span.Event::name)
        .contains("exception");
  }

  /** The first callout of auth-service that began after this time. */
  private static Trace calloutSince(long epochNanos, Predicate<Trace> complete) {
    return eventually()
        .until(
            () ->
                Telemetry.tracesWith("auth-service", 50).stream()
                    .filter(trace -> trace.startNanos() >= epochNanos)
                    .filter(complete)
                    .reduce((newer, older) -> older)
                    .orElse(null),
            trace -> trace != null);
  }

  private static long now() {
    return TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis());
  }
}
