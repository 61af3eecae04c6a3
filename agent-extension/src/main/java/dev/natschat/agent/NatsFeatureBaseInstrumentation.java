package dev.natschat.agent;

import io.nats.client.api.MessageInfo;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/** Where KeyValue and ObjectStore get a stored message. */
final class NatsFeatureBaseInstrumentation extends HookedType {
  NatsFeatureBaseInstrumentation() {
    super("io.nats.client.impl.NatsFeatureBase");
    String stored = "io.nats.client.api.MessageInfo";
    hookResult(stored, Stored.class, "_getLast", "java.lang.String");
    hookResult(stored, Stored.class, "_getBySeq", "long");
  }

  public static final class Stored {
    private Stored() {}

    @Advice.OnMethodExit(suppress = Throwable.class, inline = false)
    public static void onExit(@Advice.Return @Nullable MessageInfo stored) {
      Hooks.retrieved(stored);
    }
  }
}
