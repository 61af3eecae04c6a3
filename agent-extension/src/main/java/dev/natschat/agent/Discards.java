package dev.natschat.agent;

/**
 * Messages that jnats drops instead of sending them, as its outgoing queue is full and the
 * application prefers that to waiting. Costs nothing before the first one.
 */
final class Discards {
  static final String ERROR = "discarded";

  private static final ThreadLocal<Integer> here = ThreadLocal.withInitial(() -> 0);
  private static volatile boolean happened;

  private Discards() {}

  static void note() {
    here.set(here.get() + 1);
    happened = true;
  }

  /**
   * How many messages of this thread were dropped. Before jnats 2.25.1 its listener hears of one
   * while that is sent, and may send another one.
   */
  static int countHere() {
    return happened ? here.get() : 0;
  }
}
