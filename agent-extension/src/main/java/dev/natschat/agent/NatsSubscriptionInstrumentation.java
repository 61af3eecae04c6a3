package dev.natschat.agent;

import io.nats.client.Message;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/**
 * Every message that is asked for, by nextMessage, fetch, iterate or a reader, comes from one
 * method.
 */
final class NatsSubscriptionInstrumentation extends HookedType {
  NatsSubscriptionInstrumentation() {
    super("io.nats.client.impl.NatsSubscription");
    hookResult("io.nats.client.Message", Next.class, "nextMessageInternal", "java.time.Duration");
    reads("sid", "java.lang.String");
  }

  public static final class Next {
    private Next() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static long onEnter() {
      return Hooks.waitsForMessage();
    }

    @Advice.OnMethodExit(suppress = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter long waitingSince,
        @Advice.Return @Nullable Message message,
        @Advice.FieldValue("sid") @Nullable String subscription) {
      Hooks.received(message, waitingSince, subscription);
    }
  }
}
