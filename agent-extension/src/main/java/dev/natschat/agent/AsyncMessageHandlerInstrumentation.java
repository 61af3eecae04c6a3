package dev.natschat.agent;

import io.nats.client.MessageHandler;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.asm.Advice.AssignReturned.ToArguments.ToArgument;
import org.jspecify.annotations.Nullable;

/**
 * Handlers of JetStream subscriptions and consumers: behind jnats' own, which keeps status frames
 * to itself.
 */
final class AsyncMessageHandlerInstrumentation extends HookedType {
  AsyncMessageHandlerInstrumentation() {
    super("io.nats.client.impl.NatsJetStream$AsyncMessageHandler");
    hook(
        Construct.class,
        "<init>",
        "io.nats.client.impl.MessageManager",
        "io.nats.client.MessageHandler");
  }

  public static final class Construct {
    private Construct() {}

    @Advice.AssignReturned.ToArguments(@ToArgument(1))
    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable MessageHandler onEnter(
        @Advice.Argument(1) @Nullable MessageHandler handler) {
      return Hooks.handlerSubscribes(handler);
    }
  }
}
