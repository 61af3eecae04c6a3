package dev.natschat.observer;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * When more is read than can be worked on, whole messages are left out, not parts of each: one of
 * two, one of four and so on, by the trace's id, so that all events of a message have the same
 * fate. For one thread.
 */
final class HopShedding {
  /** Events that wait in the stream. It holds some 15,000 before it discards the oldest. */
  static final long TOO_MANY = 5_000;

  private static final long FEW = 500;
  private static final int MAX_HALVINGS = 10;
  private static final long BETWEEN_HALVINGS = Duration.ofMillis(100).toNanos();
  private static final long BETWEEN_DOUBLINGS = Duration.ofSeconds(1).toNanos();

  private static final byte[] TRACEPARENT = HopShedding.ascii("\"traceparent\":[\"");
  private static final byte[] HOP = HopShedding.ascii("\"Nats-Trace-Hop\":[");

  /** The version and a dash are before the id, which has 32 digits; the last six are enough. */
  private static final int TO_LAST_DIGITS = 3 + 26;

  private final LongSupplier nanoTime;
  private int halvings;
  private long changedAt;

  HopShedding(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    changedAt = nanoTime.getAsLong();
  }

  /**
   * @param waiting events that wait in the stream
   */
  void adapt(long waiting) {
    long since = nanoTime.getAsLong() - changedAt;
    if (waiting > TOO_MANY && halvings < MAX_HALVINGS && since >= BETWEEN_HALVINGS) {
      halvings++;
      changedAt += since;
    } else if (waiting < FEW && halvings > 0 && since >= BETWEEN_DOUBLINGS) {
      halvings--;
      changedAt += since;
    }
  }

  /**
   * Costs little: the event is not read for it.
   *
   * @param compressed as all events of a message are that has an Accept-Encoding: which trace they
   *     are of is not known, so all are left out while anything is
   */
  boolean leavesOut(byte[] event, boolean compressed) {
    if (halvings == 0) {
      return false;
    }
    if (compressed) {
      return true;
    }
    int at = indexOf(event, TRACEPARENT);
    if (at < 0) {
      return false; // malformed, and found so by who reads it
    }
    int digits = 0;
    int from = at + TRACEPARENT.length + TO_LAST_DIGITS;
    for (int i = from; i < from + 6 && i < event.length; i++) {
      digits = digits * 16 + Math.max(0, Character.digit(event[i], 16));
    }
    return (digits & ((1 << halvings) - 1)) != 0;
  }

  /** Whether it is of the server that the publisher is connected to: one for each message. */
  static boolean isFirst(byte[] event) {
    return indexOf(event, HOP) < 0;
  }

  private static int indexOf(byte[] text, byte[] what) {
    for (int i = 0; i <= text.length - what.length; i++) {
      int j = 0;
      while (j < what.length && text[i + j] == what[j]) {
        j++;
      }
      if (j == what.length) {
        return i;
      }
    }
    return -1;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(java.nio.charset.StandardCharsets.US_ASCII);
  }
}
