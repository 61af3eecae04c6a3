package dev.natschat.agent;

import net.bytebuddy.asm.Advice;

/** What is to be written waits in a queue, or finds no room there. */
final class NatsConnectionWriterInstrumentation extends HookedType {
  NatsConnectionWriterInstrumentation() {
    super("io.nats.client.impl.NatsConnectionWriter");
    hook(JnatsThreadInstrumentation.Run.class, "run");
    hookResult("boolean", Queue.class, "queue", "io.nats.client.impl.NatsMessage");
  }

  public static final class Queue {
    private Queue() {}

    @Advice.OnMethodExit(suppress = Throwable.class, inline = false)
    public static void onExit(@Advice.Return boolean queued) {
      if (!queued) {
        Hooks.discarded();
      }
    }
  }
}
