package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.impl.AckType;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/** ack, nak, term and inProgress end in {@code ackReply}; ackSync is a request of its own. */
final class NatsJetStreamMessageInstrumentation extends HookedType {
  NatsJetStreamMessageInstrumentation() {
    super("io.nats.client.impl.NatsJetStreamMessage");
    hook(AckReply.class, "ackReply", "io.nats.client.impl.AckType", "long");
    hook(AckSync.class, "ackSync", "java.time.Duration");
  }

  public static final class AckReply {
    private AckReply() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Object onEnter(
        @Advice.This Message message, @Advice.Argument(0) AckType type) {
      return Hooks.settlementBegins(message, type);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter @Nullable Object begun, @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.settlementEnds(begun, thrown);
    }
  }

  public static final class AckSync {
    private AckSync() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Object onEnter(@Advice.This Message message) {
      return Hooks.settlementBegins(message, AckType.AckAck);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter @Nullable Object begun, @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.settlementEnds(begun, thrown);
    }
  }
}
