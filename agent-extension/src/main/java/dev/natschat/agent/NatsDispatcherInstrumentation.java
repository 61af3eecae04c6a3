package dev.natschat.agent;

import io.nats.client.MessageHandler;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.asm.Advice.AssignReturned.ToArguments.ToArgument;
import org.jspecify.annotations.Nullable;

/** Handlers of core subscriptions, wrapped when they subscribe. */
final class NatsDispatcherInstrumentation extends HookedType {
  NatsDispatcherInstrumentation() {
    super("io.nats.client.impl.NatsDispatcher");
    hook(
        Subscribe.class,
        "subscribeImplCore",
        "java.lang.String",
        "java.lang.String",
        "io.nats.client.MessageHandler");
    hook(JnatsThreadInstrumentation.Run.class, "run");
  }

  public static final class Subscribe {
    private Subscribe() {}

    @Advice.AssignReturned.ToArguments(@ToArgument(2))
    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable MessageHandler onEnter(
        @Advice.Argument(2) @Nullable MessageHandler handler) {
      return Hooks.handlerSubscribes(handler);
    }
  }
}
