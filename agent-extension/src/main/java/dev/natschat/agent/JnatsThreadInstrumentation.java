package dev.natschat.agent;

import io.opentelemetry.context.Scope;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/**
 * A thread that jnats starts within a call of the application: what reads, writes or dispatches for
 * a connection as long as it lives. Listeners of the application run on such threads, too.
 */
final class JnatsThreadInstrumentation extends HookedType {
  JnatsThreadInstrumentation(String typeName) {
    super(typeName);
    hook(Run.class, "run");
  }

  public static final class Run {
    private Run() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Scope onEnter() {
      return Hooks.threadRuns();
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(@Advice.Enter @Nullable Scope scope) {
      Hooks.close(scope);
    }
  }
}
