package dev.natschat.agent;

import io.nats.client.JetStreamOptions;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/** Every JetStream context, management and bucket begins with its options. */
final class NatsJetStreamImplInstrumentation extends HookedType {
  NatsJetStreamImplInstrumentation() {
    super("io.nats.client.impl.NatsJetStreamImpl");
    hook(
        Construct.class,
        "<init>",
        "io.nats.client.impl.NatsConnection",
        "io.nats.client.JetStreamOptions");
  }

  public static final class Construct {
    private Construct() {}

    @Advice.OnMethodExit(suppress = Throwable.class, inline = false)
    public static void onExit(@Advice.Argument(1) @Nullable JetStreamOptions options) {
      Hooks.jetStreamOpens(options);
    }
  }
}
