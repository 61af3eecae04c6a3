package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/** A connection to a real server under the agent, and the spans of one test alone. */
@SuppressWarnings("try")
abstract class TracedTest {
  static NatsServer server;
  Connection nats;
  private static final Tracer tracer = GlobalOpenTelemetry.getTracer("test");

  @BeforeAll
  static void startServer() throws Exception {
    Awaitility.setDefaultTimeout(Duration.ofSeconds(30));
    server = NatsServer.start();
  }

  @AfterAll
  static void stopServer() throws Exception {
    server.close();
  }

  @BeforeEach
  void connect() throws Exception {
    nats = Nats.connect(options().build());
    Telemetry.reset();
  }

  static Options.Builder options() {
    return server.options();
  }

  @AfterEach
  void disconnect() throws Exception {
    nats.close();
  }

  /** Runs the work in a span of the application's own. */
  static <T> T inSpan(String name, Callable<T> work) throws Exception {
    Span span = tracer.spanBuilder(name).startSpan();
    try (Scope ignored = span.makeCurrent()) {
      return work.call();
    } finally {
      span.end();
    }
  }

  static void span(String name) {
    tracer.spanBuilder(name).startSpan().end();
  }

  /** Waits until the traces are these and no others. */
  static void assertTraces(String expected) {
    await().untilAsserted(() -> assertThat(Telemetry.tree()).isEqualTo(expected));
  }
}
