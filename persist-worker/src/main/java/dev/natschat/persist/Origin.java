package dev.natschat.persist;

import io.nats.client.Message;
import java.time.ZonedDateTime;
import java.util.concurrent.TimeUnit;

/**
 * A message and its place in the stream.
 *
 * @param storedAt ns since the epoch, by the broker: the same at every delivery, another when a
 *     recreated stream uses the sequence again
 */
record Origin(Message message, long sequence, long storedAt) {
  static Origin of(Message message) {
    return new Origin(
        message, message.metaData().streamSequence(), nanos(message.metaData().timestamp()));
  }

  static long nanos(ZonedDateTime time) {
    return TimeUnit.SECONDS.toNanos(time.toEpochSecond()) + time.getNano();
  }

  ChatMessage parse() throws Poison {
    return ChatMessage.parse(message.getSubject(), message.getData(), storedAtMillis());
  }

  long storedAtMillis() {
    return TimeUnit.NANOSECONDS.toMillis(storedAt);
  }
}
