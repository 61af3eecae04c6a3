package dev.natschat.agent;

import org.jspecify.annotations.Nullable;

/**
 * Messages that jnats drops instead of sending them, as its outgoing queue is full and the
 * application prefers that to waiting. Costs nothing before the first one.
 */
final class Discards {
  static final String ERROR = "discarded";

  private static final ThreadLocal<@Nullable Boolean> here = new ThreadLocal<>();
  private static volatile boolean happened;

  private Discards() {}

  static void note() {
    here.set(true);
    happened = true;
  }

  /** This thread is about to send a message. */
  static void forget() {
    if (happened) {
      here.remove();
    }
  }

  /** Whether the message was dropped that this thread has sent last. */
  static boolean happenedHere() {
    return happened && here.get() != null;
  }
}
