package dev.natschat.agent;

import io.nats.client.api.MessageInfo;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/** Where KeyValue and ObjectStore get a stored message, and read many to list them. */
final class NatsFeatureBaseInstrumentation extends HookedType {
  NatsFeatureBaseInstrumentation() {
    super("io.nats.client.impl.NatsFeatureBase");
    String stored = "io.nats.client.api.MessageInfo";
    hookResult(stored, Stored.class, "_getLast", "java.lang.String");
    hookResult(stored, Stored.class, "_getBySeq", "long");
    hook(Visit.class, "visitSubject");
  }

  public static final class Stored {
    private Stored() {}

    @Advice.OnMethodExit(suppress = Throwable.class, inline = false)
    public static void onExit(@Advice.Return @Nullable MessageInfo stored) {
      Hooks.retrieved(stored);
    }
  }

  public static final class Visit {
    private Visit() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static boolean onEnter() {
      return Hooks.bucketIsListed();
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(@Advice.Enter boolean begun) {
      Hooks.bucketWasListed(begun);
    }
  }
}
