package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.Dispatcher;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.Subscription;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import io.nats.client.support.NatsRequestCompletableFuture;
import io.opentelemetry.api.trace.Span;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** The application sees what it sees without the extension. */
@SuppressWarnings("try")
class DoNoHarmIT extends TracedTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  @Test
  void theCallersHeadersAreNeitherChangedNorReplaced() throws Exception {
    Headers headers = new Headers().add("mine", "1");
    Message message = NatsMessage.builder().subject("chat.a").headers(headers).data(HELLO).build();
    nats.publish("chat.a", headers, HELLO);
    nats.publish(message);
    nats.request("chat.a", headers, HELLO, TIMEOUT);
    assertThat(headers.keySet()).containsExactly("mine");
    assertThat(headers.get("mine")).containsExactly("1");
    assertThat(message.getHeaders()).isSameAs(headers);
    headers.add("still", "writable");
  }

  @Test
  void readOnlyHeadersCanBeSent() throws Exception {
    Subscription received = nats.subscribe("chat.*");
    nats.publish("chat.a", new Headers().add("mine", "1"), HELLO);
    Headers readOnly = received.nextMessage(TIMEOUT).getHeaders();
    nats.publish("chat.b", readOnly, HELLO);
    assertThat(received.nextMessage(TIMEOUT).getHeaders().get("mine")).containsExactly("1");
  }

  @Test
  void aTimedOutRequestIsSentOnce() throws Exception {
    Subscription wire = nats.subscribe("chat.*");
    long sent = nats.getStatistics().getOutMsgs();
    assertThat(nats.request("chat.a", HELLO, Duration.ofMillis(200))).isNull();
    nats.flush(TIMEOUT);
    assertThat(wire.nextMessage(TIMEOUT)).isNotNull();
    assertThat(wire.getPendingMessageCount()).isZero();
    assertThat(nats.getStatistics().getRequestsSent()).isEqualTo(1);
    assertThat(nats.getStatistics().getOutMsgs()).isGreaterThan(sent);
  }

  @Test
  void anInterruptedRequestThrowsAtOnceAndIsSentOnce() throws Exception {
    Subscription wire = nats.subscribe("chat.*");
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread requester =
        new Thread(
            () -> {
              try {
                nats.request("chat.a", HELLO, Duration.ofMinutes(10));
              } catch (Throwable t) {
                thrown.set(t);
              }
            });
    requester.start();
    assertThat(wire.nextMessage(TIMEOUT)).isNotNull();
    requester.interrupt();
    requester.join(20_000);
    assertThat(requester.isAlive()).isFalse();
    assertThat(thrown.get()).isInstanceOf(InterruptedException.class);
    nats.flush(TIMEOUT);
    assertThat(wire.getPendingMessageCount()).isZero();
    assertTraces("request chat.* CLIENT ERROR java.lang.InterruptedException\n");
  }

  @Test
  void futuresAreTheOnesJnatsMade() throws Exception {
    CompletableFuture<Message> future = nats.request("chat.a", HELLO);
    assertThat(future).isExactlyInstanceOf(NatsRequestCompletableFuture.class);
    assertThatThrownBy(() -> future.get(20, TimeUnit.SECONDS))
        .isExactlyInstanceOf(CancellationException.class);
    assertThat(nats.jetStream().publishAsync("nowhere", HELLO))
        .isExactlyInstanceOf(CompletableFuture.class);
  }

  @Test
  void aFutureCanBeCancelled() throws Exception {
    Subscription wire = nats.subscribe("chat.*");
    CompletableFuture<Message> future = nats.request("chat.a", HELLO);
    assertThat(wire.nextMessage(TIMEOUT)).isNotNull();
    assertThat(future.cancel(true)).isTrue();
    assertTraces("request chat.* CLIENT ERROR cancelled\n");
  }

  @Test
  void aMessageAtTheServersLimitGoesWithoutHeaders() throws Exception {
    try (NatsServer small = NatsServer.start("max_payload: 1024", "max_pending: 65536");
        Connection connection = Nats.connect(small.options().build())) {
      Subscription received = connection.subscribe("chat.*");
      connection.publish("chat.a", new byte[1024]);
      connection.publish("chat.b", new byte[900]);
      Message full = received.nextMessage(TIMEOUT);
      assertThat(full.getData()).hasSize(1024);
      assertThat(full.hasHeaders()).isFalse();
      assertThat(received.nextMessage(TIMEOUT).getHeaders().containsKey("traceparent")).isTrue();
    }
  }

  @Test
  void aSubjectThatFillsTheControlLineGoesWithoutHeaders() throws Exception {
    String subject = "chat." + "x".repeat(4060);
    Subscription received = nats.subscribe("chat.*");
    nats.publish(subject, HELLO);
    assertThat(received.nextMessage(TIMEOUT).getSubject()).isEqualTo(subject);
  }

  @Test
  void aServerWithoutHeadersIsServed() throws Exception {
    try (NatsServer old = NatsServer.start("no_header_support: true");
        Connection connection = Nats.connect(old.options().noHeaders().noNoResponders().build())) {
      Subscription received = connection.subscribe("chat.*");
      connection.publish("chat.a", HELLO);
      assertThat(received.nextMessage(TIMEOUT).hasHeaders()).isFalse();
      assertTraces("publish chat.* PRODUCER\n");
    }
  }

  @Test
  void aClientThatSwitchedHeadersOffIsServed() throws Exception {
    try (Connection connection = Nats.connect(options().noHeaders().noNoResponders().build())) {
      Subscription received = connection.subscribe("chat.*");
      connection.publish("chat.a", HELLO);
      Message message = received.nextMessage(TIMEOUT);
      assertThat(message).isNotNull();
      assertThat(message.hasHeaders()).isFalse();
      assertThat(connection.getStatistics().getReconnects()).isZero();
      assertTraces("publish chat.* PRODUCER\n");
    }
  }

  @Test
  void whatFailsFailsAsBefore() throws Exception {
    assertThatThrownBy(() -> nats.publish("with blank", HELLO))
        .isExactlyInstanceOf(IllegalArgumentException.class);
    nats.close();
    assertThatThrownBy(() -> nats.publish("chat.a", HELLO))
        .isExactlyInstanceOf(IllegalStateException.class)
        .hasMessage("Connection is Closed");
    assertThatThrownBy(() -> nats.request("chat.a", HELLO, TIMEOUT))
        .isExactlyInstanceOf(IllegalStateException.class)
        .hasMessage("Connection is Closed");
  }

  @Test
  void aHandlersExceptionReachesTheErrorListenerItself() throws Exception {
    AtomicReference<Exception> heard = new AtomicReference<>();
    Options options =
        options()
            .errorListener(
                new io.nats.client.ErrorListener() {
                  @Override
                  public void exceptionOccurred(Connection connection, Exception exception) {
                    heard.set(exception);
                  }
                })
            .build();
    try (Connection connection = Nats.connect(options)) {
      IllegalArgumentException poison = new IllegalArgumentException("poison");
      Dispatcher dispatcher =
          connection.createDispatcher(
              message -> {
                throw poison;
              });
      dispatcher.subscribe("chat.*");
      connection.publish("chat.a", HELLO);
      await().atMost(TIMEOUT).untilAsserted(() -> assertThat(heard.get()).isSameAs(poison));
    }
  }

  @Test
  void noContextStaysOnAnyThread() throws Exception {
    List<Thread> publishers =
        java.util.stream.IntStream.range(0, 8)
            .mapToObj(
                i ->
                    new Thread(
                        () -> {
                          for (int j = 0; j < 50; j++) {
                            nats.publish("chat." + i, HELLO);
                            if (Span.current().getSpanContext().isValid()) {
                              throw new IllegalStateException("a context stayed");
                            }
                          }
                        }))
            .toList();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    publishers.forEach(thread -> thread.setUncaughtExceptionHandler((t, e) -> failure.set(e)));
    publishers.forEach(Thread::start);
    for (Thread publisher : publishers) {
      publisher.join();
    }
    assertThat(failure.get()).isNull();
    assertThat(Telemetry.tree()).isEqualTo("publish chat.* PRODUCER\n".repeat(400));
  }
}
