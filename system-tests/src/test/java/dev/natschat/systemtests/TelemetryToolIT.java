package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.eventually;
import static dev.natschat.systemtests.Telemetry.has;
import static dev.natschat.systemtests.Telemetry.metric;
import static dev.natschat.systemtests.Telemetry.traceOf;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.natschat.telemetry.Trace;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** make trace, make logs and make status, as an operator runs them. */
class TelemetryToolIT {
  private static final Path CHECKOUT = Path.of(System.getProperty("checkout"));

  @Test
  void aTraceIsPrintedWithItsLogLines() throws Exception {
    String room = Chat.newRoom();
    try (Chat alice = Chat.as("alice")) {
      alice.history(room);
    }
    Trace trace =
        traceOf("chat.history." + room, t -> has(t, "history-service", "process chat.history.*"));

    eventually()
        .untilAsserted(
            () ->
                assertThat(run("trace", trace.id().replaceFirst("^0+", "")))
                    .contains(
                        "TRACE " + trace.id(),
                        "SERVER",
                        "process chat.history.*",
                        "chat.history." + room)
                    .containsPattern("INFO .*history-service .*")
                    .contains("exit code 0"));
  }

  @Test
  void theLogsOfAServiceArePrinted() throws Exception {
    assertThat(run("logs", "--service", "persist-worker", "--since", "1d", "--limit", "5"))
        .contains("persist-worker")
        .contains("exit code 0");
  }

  /** As the runbooks look for what the broker says of a client: grep shows one line of it. */
  @Test
  void whereNobodyLooksALogRecordIsOneLine() throws Exception {
    String room = Chat.newRoom();
    try (Chat bob = Chat.as("bob")) {
      bob.nats.publish("admin." + room, new byte[0]);
      bob.nats.flush(Duration.ofSeconds(10));
    }
    eventually()
        .untilAsserted(
            () ->
                assertThat(
                        output(
                            new ProcessBuilder(
                                "telemetry-tool/run", "logs", "--service", "nats-server")))
                    .containsPattern(
                        "ERROR nats-server .*CHAT/user:bob.* - Subject .admin." + room));
  }

  @Test
  void theStatusSaysThatAllIsThere() throws Exception {
    String status = run("status");

    assertThat(status)
        .contains(" ok  NATS", " ok  Keycloak", " ok  Collector", " ok  Prometheus", " ok  Loki")
        .contains(
            " ok  auth-service",
            " ok  broker-observer",
            " ok  history-service",
            " ok  persist-worker")
        .contains("messages persisted", "history p95", "logins in 15 min", "ALERTS");
  }

  /** Only Tempo makes a service graph. */
  @Test
  void theServiceGraphHasTheMessagesEdge() throws Exception {
    boolean tempo = Telemetry.TRACES.source().startsWith("Tempo");
    if (!tempo) {
      System.err.println(
          "SKIPPED: the service graph is made by Tempo, and traces are in "
              + Telemetry.TRACES.source());
    }
    assumeTrue(tempo, "no Tempo");
    try (Chat alice = Chat.as("alice")) {
      alice.say(Chat.newRoom(), "hello");
    }
    eventually()
        .untilAsserted(
            () ->
                assertThat(
                        metric(
                            "sum(traces_service_graph_request_total{client=\"system-tests\",server=\"persist-worker\"})"))
                    .isPositive());
  }

  static String run(String... arguments) throws Exception {
    Path jar = CHECKOUT.resolve(Path.of("telemetry-tool", "target", "telemetry-tool.jar"));
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-jar",
            jar.toString());
    builder.command().addAll(List.of(arguments));
    return output(builder);
  }

  private static String output(ProcessBuilder builder) throws Exception {
    builder.directory(CHECKOUT.toFile()).environment().remove("JAVA_TOOL_OPTIONS");
    File output = File.createTempFile("telemetry-tool", ".txt");
    try {
      int exitCode = builder.redirectErrorStream(true).redirectOutput(output).start().waitFor();
      return Files.readString(output.toPath()) + "\nexit code " + exitCode;
    } finally {
      Files.delete(output.toPath());
    }
  }
}
