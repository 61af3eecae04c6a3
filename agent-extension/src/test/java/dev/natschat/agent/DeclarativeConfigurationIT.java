package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The agent's declarative configuration file: the extension is not asked there for defaults. */
class DeclarativeConfigurationIT {
  @Test
  void theBuiltInModuleIsSwitchedOffInTheFile(@TempDir Path directory) throws Exception {
    Path file =
        Files.writeString(
            directory.resolve("otel.yaml"),
            """
            file_format: "1.0"
            propagator:
              composite:
                - tracecontext:
            tracer_provider:
              processors:
                - batch:
                    exporter:
                      otlp_http:
                        endpoint: http://127.0.0.1:%s/v1/traces
            instrumentation/development:
              java:
                jnats:
                  destination_templates: ["chat.*"]
            distribution:
              javaagent:
                instrumentation:
                  disabled: [nats]
            """
                .formatted(System.getProperty("otlp.port")));
    Telemetry.reset();
    try (NatsServer server = NatsServer.start()) {
      Fork.traced(
          List.of("-Dotel.config.file=" + file), ForkedIT.Program.class, server.url(), "core");
    }
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            publish chat.* PRODUCER
              process chat.* CONSUMER
            """);
  }
}
