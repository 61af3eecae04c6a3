package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.traceOf;
import static dev.natschat.systemtests.Telemetry.tracesOf;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Who begins a trace decides whether it is kept, by TRACE_SAMPLE_RATIO; the services follow. */
class SamplingIT {
  private static final Path CHECKOUT = Path.of(System.getProperty("checkout", "."));

  @Test
  void aMessageThatIsNotSampledIsStoredAndLeavesNoTrace() throws Exception {
    String unsampled = Chat.newRoom();
    String sampled = Chat.newRoom();
    send(unsampled, "0");
    send(sampled, "1");

    traceOf("chat." + sampled, trace -> trace.services().contains("persist-worker"));
    assertThat(tracesOf("chat." + unsampled, 10)).isEmpty();
    try (Chat alice = Chat.as("alice")) {
      assertThat(alice.history(unsampled)).containsExactly("hello");
    }
  }

  private static void send(String room, String ratio) throws Exception {
    ProcessBuilder client =
        new ProcessBuilder("chat-client/run", "send", room, "hello")
            .directory(CHECKOUT.toFile())
            .inheritIO();
    client.environment().put("TRACE_SAMPLE_RATIO", ratio);
    assertThat(client.start().waitFor()).isZero();
  }
}
