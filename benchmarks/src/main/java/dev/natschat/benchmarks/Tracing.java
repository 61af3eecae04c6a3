package dev.natschat.benchmarks;

import java.util.List;

/** How a service runs: without the agent, or under it with some or all traces kept. */
enum Tracing {
  OFF("no agent"),
  ONE_PERCENT("1 % of traces kept"),
  ALWAYS("every trace kept");

  private final String label;

  Tracing(String label) {
    this.label = label;
  }

  String label() {
    return label;
  }

  /** What the JVM is given; the rest is in the service's agent.properties. */
  List<String> arguments(String service, String endpoint) {
    if (this == OFF) {
      return List.of();
    }
    return List.of(
        "-javaagent:agent-extension/target/opentelemetry-javaagent.jar",
        "-Dotel.javaagent.extensions=agent-extension/target/agent-extension.jar",
        "-Dotel.javaagent.configuration-file=" + service + "/agent.properties",
        "-Dotel.service.name=" + service,
        "-Dotel.exporter.otlp.endpoint=" + endpoint,
        "-Dotel.traces.sampler=parentbased_traceidratio",
        "-Dotel.traces.sampler.arg=" + (this == ALWAYS ? "1" : "0.01"));
  }

  /**
   * A rate with tracing means nothing when the traces went nowhere.
   *
   * @throws IllegalStateException when every trace was to be kept and none came
   */
  void check(long spans) {
    if (this == ALWAYS && spans == 0) {
      throw new IllegalStateException("no spans came, though every trace is kept");
    }
  }

  /** The W3C flags with which a client that samples alike marks its n-th message. */
  String flags(int number) {
    return this == ONE_PERCENT && number % 100 != 0 ? "00" : "01";
  }
}
