package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.Dispatcher;
import io.nats.client.Message;
import io.opentelemetry.context.Context;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;

/** Many threads at once: each call has its own parent, and leaves no context behind. */
class ConcurrencyIT extends TracedTest {
  private static final int CALLS = 200;
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  @Test
  void everyCallHasItsOwnParent() throws Exception {
    callFrom(Executors.newFixedThreadPool(16));
  }

  @Test
  @EnabledForJreRange(minVersion = 21)
  void everyCallOfAVirtualThreadHasItsOwnParent() throws Exception {
    callFrom(
        (ExecutorService)
            Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null));
  }

  private void callFrom(ExecutorService executor) throws Exception {
    Dispatcher dispatcher = nats.createDispatcher(this::answer);
    dispatcher.subscribe("chat.*");
    List<Future<?>> calls = new ArrayList<>();
    for (int i = 0; i < CALLS; i++) {
      String name = "call " + (1000 + i);
      calls.add(
          executor.submit(
              () -> {
                assertThat(Context.current()).isSameAs(Context.root());
                inSpan(
                    name,
                    () -> nats.request("chat.a", name.getBytes(UTF_8), Duration.ofSeconds(30)));
                assertThat(Context.current()).isSameAs(Context.root());
                return null;
              }));
      if (i == 0) {
        // jnats 2.17 subscribes to replies in the first request, and loses those of others that
        // are made meanwhile.
        calls.get(0).get();
      }
    }
    for (Future<?> call : calls) {
      call.get();
    }
    executor.shutdown();
    String expected =
        IntStream.range(1000, 1000 + CALLS)
            .mapToObj(
                i ->
                    """
                    call %d
                      request chat.* CLIENT
                        process chat.* SERVER
                          call %d
                            publish (temporary) PRODUCER
                    """
                        .formatted(i, i))
            .collect(joining());
    await()
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(() -> assertThat(sortedByCall(Telemetry.tree())).isEqualTo(expected));
  }

  private static String sortedByCall(String tree) {
    return Stream.of(tree.split("(?m)^(?=\\S)")).sorted().collect(joining());
  }

  private void answer(Message message) {
    try {
      inSpan(
          new String(message.getData(), UTF_8),
          () -> {
            nats.publish(message.getReplyTo(), HELLO);
            return message;
          });
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
