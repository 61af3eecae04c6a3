package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.nats.client.Connection;
import io.nats.client.JetStreamSubscription;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.Subscription;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.opentelemetry.proto.trace.v1.Span.SpanKind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The agent's declarative configuration file: the extension is not asked there for defaults. */
@SuppressWarnings("try")
class DeclarativeConfigurationIT {
  private static final String ALWAYS = "{parent_based: {root: {always_on: }}}";
  private static final String ONE_PERCENT =
      "{parent_based: {root: {trace_id_ratio_based: {ratio: 0.01}}}}";
  private static final String LINKED_BATCH = "{jnats_linked_batch: {sampler: " + ONE_PERCENT + "}}";
  private static final String BUILT_IN_OFF = "disabled: [nats]";
  private static final String BATCHES =
      """
      instrumentation/development:
        java:
          jnats:
            batch_process_methods: ["dev.natschat.agent.ForkedIT$Program[persist]"]
      distribution: {javaagent: {instrumentation: {disabled: [nats]}}}
      """;

  @BeforeEach
  void reset() {
    Telemetry.reset();
  }

  /** A bit of everything that a setting is about. */
  static final class Program {
    private static final Duration TIMEOUT = Duration.ofSeconds(20);
    private static final byte[] HELLO = "hello".getBytes(UTF_8);

    public static void main(String[] arguments) throws Exception {
      try (Connection nats = Nats.connect(NatsServer.options(arguments[0]).build())) {
        Subscription subscription = nats.subscribe("chat.a");
        nats.publish("chat.a", new Headers().add("X-Tenant", "blue"), HELLO);
        Message message = subscription.nextMessage(TIMEOUT);
        System.out.println(new TreeSet<>(message.getHeaders().keySet()));
        nats.publish("orders.1", HELLO);
        nats.publish("chat.secret", HELLO);
        nats.publish("_MYBOX.1", HELLO);
        nats.jetStreamManagement()
            .addStream(
                StreamConfiguration.builder()
                    .name("STORED")
                    .subjects("chat.stored")
                    .storageType(StorageType.Memory)
                    .build());
        nats.jetStream().publish("chat.stored", HELLO);
        JetStreamSubscription puller =
            nats.jetStream()
                .subscribe("chat.stored", PullSubscribeOptions.builder().durable("reader").build());
        persist(puller.fetch(1, TIMEOUT));
      }
    }

    static void persist(List<Message> batch) {
      batch.forEach(Message::ack);
    }
  }

  @Test
  void theBuiltInModuleIsSwitchedOffInTheFile(@TempDir Path directory) throws Exception {
    String output =
        run(
            directory,
            """
            instrumentation/development:
              java:
                jnats:
                  destination_templates: ["chat.*"]
            distribution:
              javaagent:
                instrumentation:
                  disabled: [nats]
            """);
    assertThat(output).isEqualTo("[X-Tenant, traceparent]\n");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            publish chat.* PRODUCER
              process chat.* CONSUMER
            publish PRODUCER
            publish chat.* PRODUCER
            publish PRODUCER
            publish chat.* PRODUCER
              process chat.* CONSUMER ack
                settle chat.* CLIENT ack
            """);
  }

  @Test
  void everySettingIsReadFromTheFile(@TempDir Path directory) throws Exception {
    String output =
        run(
            directory,
            """
            instrumentation/development:
              java:
                common:
                  messaging:
                    headers:
                      included: ["x-*"]
                      excluded: [x-secret]
                    receive_telemetry/development:
                      enabled: true
                jnats:
                  destination_templates: ["chat.*"]
                  include_subjects: ["chat.>"]
                  exclude_subjects: [chat.secret]
                  inbox_prefixes: [_MYBOX.]
                  batch_process_methods: ["dev.natschat.agent.DeclarativeConfigurationIT$Program[persist]"]
                  settle_spans: false
                  legacy_attributes: false
                  attributes_at_start: false
                  trace_destination: hops
            distribution:
              javaagent:
                instrumentation:
                  disabled: [nats]
            """);
    assertThat(output).isEqualTo("[Nats-Trace-Dest, X-Tenant, traceparent]\n");
    assertThat(Telemetry.tree())
        .isEqualTo(
            """
            publish chat.* PRODUCER
            receive chat.* CLIENT ~> publish chat.*
            publish (temporary) PRODUCER
            publish chat.* PRODUCER
              process chat.* CONSUMER
            receive chat.* CLIENT ~> publish chat.*
            """);
    Map<String, Object> attributes =
        Telemetry.spans().stream()
            .filter(span -> span.getKind() == SpanKind.SPAN_KIND_PRODUCER)
            .map(Telemetry::attributes)
            .findFirst()
            .orElseThrow();
    assertThat(attributes)
        .containsEntry("messaging.header.x_tenant", List.of("blue"))
        .containsEntry("messaging.message.body.size", 5L)
        .doesNotContainKey("messaging.message.payload_size_bytes");
  }

  @Test
  void itIsSwitchedOffInTheFile(@TempDir Path directory) throws Exception {
    String output =
        run(
            directory,
            """
            distribution:
              javaagent:
                instrumentation:
                  disabled: [nats, jnats]
            """);
    assertThat(output).isEqualTo("[X-Tenant]\n");
    assertThat(Telemetry.tree()).isEmpty();
  }

  @Test
  void itYieldsToTheBuiltInModule(@TempDir Path directory) throws Exception {
    assumeThat(Nats.CLIENT_VERSION)
        .as("the built-in module begins at 2.17.2")
        .isNotEqualTo("2.17.0");
    assertThat(fork(directory, ALWAYS, "", Program.class).log()).containsOnlyOnce(BUILT_IN_OFF);
    assertThat(Telemetry.tree()).contains("chat.a publish PRODUCER").doesNotContain("publish chat");
  }

  /** As {@code ForkedIT.noLinkDanglesWhenSamplingByRatio}; there the extension wraps it unasked. */
  @Test
  void aBatchIsSampledWhenAnyOfItsMessagesIs(@TempDir Path directory) throws Exception {
    String inNoBatch = "process FORKED CONSUMER ack\n";
    fork(directory, ONE_PERCENT, BATCHES, ForkedIT.Program.class, "many batches");
    assertThat(Telemetry.tree()).contains(inNoBatch);
    Telemetry.reset();
    fork(directory, LINKED_BATCH, BATCHES, ForkedIT.Program.class, "many batches");
    assertThat(Telemetry.tree()).contains("~> batch").doesNotContain(inNoBatch, "ORPHAN");
  }

  @Test
  void aSamplerOfBatchesNeedsAnother(@TempDir Path directory) throws Exception {
    assertThat(fork(directory, "{jnats_linked_batch: }", "", Program.class).log())
        .contains("jnats_linked_batch needs the sampler that decides about all other spans");
  }

  private static String run(Path directory, String settings) throws Exception {
    return fork(directory, ALWAYS, settings, Program.class).output();
  }

  private static Fork fork(
      Path directory, String sampler, String settings, Class<?> program, String... arguments)
      throws Exception {
    Path file =
        Files.writeString(
            directory.resolve("otel.yaml"),
            """
            file_format: "1.0"
            propagator:
              composite:
                - tracecontext:
            tracer_provider:
              sampler: %s
              processors:
                - batch:
                    exporter:
                      otlp_http:
                        endpoint: http://127.0.0.1:%s/v1/traces
            %s
            """
                .formatted(sampler, System.getProperty("otlp.port"), settings));
    try (NatsServer server = NatsServer.start()) {
      return Fork.traced(
          List.of("-Dotel.config.file=" + file),
          program,
          Stream.concat(Stream.of(server.url()), Stream.of(arguments)).toArray(String[]::new));
    }
  }
}
