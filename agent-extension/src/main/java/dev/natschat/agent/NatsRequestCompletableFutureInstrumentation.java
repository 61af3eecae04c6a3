package dev.natschat.agent;

import io.nats.client.support.NatsRequestCompletableFuture;
import io.opentelemetry.context.Scope;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/**
 * The future of a request remembers who asked; jnats' clean-up thread cancels it in that context.
 */
final class NatsRequestCompletableFutureInstrumentation extends HookedType {
  NatsRequestCompletableFutureInstrumentation() {
    super("io.nats.client.support.NatsRequestCompletableFuture");
    hook(Construct.class, "<init>");
    hook(Cancel.class, "cancelClosing");
    hook(Cancel.class, "cancelTimedOut");
  }

  public static final class Construct {
    private Construct() {}

    @Advice.OnMethodExit(suppress = Throwable.class, inline = false)
    public static void onExit(@Advice.This NatsRequestCompletableFuture future) {
      Hooks.requestCreated(future);
    }
  }

  public static final class Cancel {
    private Cancel() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Scope onEnter(@Advice.This NatsRequestCompletableFuture future) {
      return Hooks.callbacksOf(future);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(@Advice.Enter @Nullable Scope scope) {
      Hooks.close(scope);
    }
  }
}
