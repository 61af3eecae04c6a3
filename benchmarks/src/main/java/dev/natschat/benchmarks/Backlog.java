package dev.natschat.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.nats.client.JetStream;
import io.nats.client.api.PublishAck;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Chat messages, each with the trace of its own that a traced publisher would give it. */
final class Backlog {
  private static final int UNACKNOWLEDGED = 2_000;
  private static final int ROOMS = 20;

  private Backlog() {}

  static void publish(JetStream stream, int messages) {
    List<CompletableFuture<PublishAck>> acks = new ArrayList<>();
    for (int i = 0; i < messages; i++) {
      acks.add(stream.publishAsync(message(i)));
      if (acks.size() == UNACKNOWLEDGED) {
        await(acks);
      }
    }
    await(acks);
  }

  private static void await(List<CompletableFuture<PublishAck>> acks) {
    CompletableFuture.allOf(acks.toArray(CompletableFuture[]::new)).join();
    acks.clear();
  }

  private static NatsMessage message(int number) {
    return NatsMessage.builder()
        .subject("chat." + room(number))
        .headers(
            new Headers()
                .add("traceparent", "00-" + traceId(number) + "-" + spanId(number) + "-01"))
        .data(
            "{\"user\":\"alice\",\"text\":\"%s\",\"timestamp\":%d,\"room\":\"%s\"}"
                .formatted(text(number), System.currentTimeMillis(), room(number))
                .getBytes(UTF_8))
        .build();
  }

  static String room(int number) {
    return "room-" + number % ROOMS;
  }

  static String text(int number) {
    return "message " + number + ": what people say to each other takes about this much room";
  }

  static String traceId(int number) {
    return "%032x".formatted(number + 1L);
  }

  private static String spanId(int number) {
    return "%016x".formatted(number + 1L);
  }
}
