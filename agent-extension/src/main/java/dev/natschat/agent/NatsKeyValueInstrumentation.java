package dev.natschat.agent;

import io.nats.client.KeyValue;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/** Both overloads of get; put, create, update, delete and purge are JetStream publishes. */
final class NatsKeyValueInstrumentation extends HookedType {
  NatsKeyValueInstrumentation() {
    super("io.nats.client.impl.NatsKeyValue");
    hook(Get.class, "get", "java.lang.String");
  }

  public static final class Get {
    private Get() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Object onEnter(
        @Advice.This KeyValue bucket, @Advice.Argument(0) @Nullable String key) {
      return Hooks.valueIsAskedFor(bucket, key);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter @Nullable Object begun, @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.retrievalEnds(begun, null, thrown);
    }
  }
}
