package dev.natschat.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.nats.client.JetStream;
import io.nats.client.api.PublishAck;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntFunction;

/** Chat messages, each with the trace of its own that a traced publisher would give it. */
final class Backlog {
  private static final int UNACKNOWLEDGED = 2_000;
  static final int ROOMS = 20;
  private static final HexFormat HEX = HexFormat.of();

  private Backlog() {}

  static void publish(JetStream stream, int messages, Tracing tracing) {
    publish(stream, messages, number -> message(number, tracing));
  }

  static void publish(JetStream stream, int messages, IntFunction<NatsMessage> message) {
    List<CompletableFuture<PublishAck>> acks = new ArrayList<>();
    for (int i = 0; i < messages; i++) {
      acks.add(stream.publishAsync(message.apply(i)));
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

  static NatsMessage message(int number, Tracing tracing) {
    return NatsMessage.builder()
        .subject("chat." + room(number))
        .headers(new Headers().add("traceparent", traceparent(number, tracing)))
        .data(body(number).getBytes(UTF_8))
        .build();
  }

  static String body(int number) {
    return "{\"user\":\"alice\",\"text\":\""
        + text(number)
        + "\",\"timestamp\":"
        + System.currentTimeMillis()
        + ",\"room\":\""
        + room(number)
        + "\"}";
  }

  static String room(int number) {
    return "room-" + number % ROOMS;
  }

  static String text(int number) {
    return "message " + number + ": what people say to each other takes about this much room";
  }

  static String traceparent(int number, Tracing tracing) {
    return "00-" + traceId(number) + "-" + spanId(number) + "-" + tracing.flags(number);
  }

  static String traceId(int number) {
    return HEX.toHexDigits(0L) + HEX.toHexDigits(number + 1L);
  }

  private static String spanId(int number) {
    return HEX.toHexDigits(number + 1L);
  }
}
