package dev.natschat.agent;

import io.nats.client.JetStreamSubscription;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.PushSubscribeOptions;
import io.nats.client.api.PublishAck;
import java.util.concurrent.CompletableFuture;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/** All twelve overloads of publish and publishAsync; KeyValue puts through them. */
final class NatsJetStreamInstrumentation extends HookedType {
  NatsJetStreamInstrumentation() {
    super("io.nats.client.impl.NatsJetStream");
    String[] arguments = {
      "java.lang.String", "io.nats.client.impl.Headers", "byte[]", "io.nats.client.PublishOptions"
    };
    hookResult("io.nats.client.api.PublishAck", Publish.class, "publishSyncInternal", arguments);
    hookResult(
        "java.util.concurrent.CompletableFuture",
        PublishAsync.class,
        "publishAsyncInternal",
        arguments);
    hookResult(
        "io.nats.client.JetStreamSubscription",
        Subscribe.class,
        "createSubscription",
        "java.lang.String",
        "io.nats.client.PushSubscribeOptions",
        "io.nats.client.PullSubscribeOptions");
  }

  public static final class Publish {
    private Publish() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Object onEnter(
        @Advice.Argument(0) String subject, @Advice.Argument(2) byte[] body) {
      return Hooks.jetStreamPublishBegins(subject, body, true);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter @Nullable Object begun,
        @Advice.Return @Nullable PublishAck ack,
        @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.jetStreamPublishEnds(begun, ack, thrown);
    }
  }

  public static final class Subscribe {
    private Subscribe() {}

    @Advice.OnMethodExit(suppress = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Argument(1) @Nullable PushSubscribeOptions push,
        @Advice.Argument(2) @Nullable PullSubscribeOptions pull,
        @Advice.Return @Nullable JetStreamSubscription subscription) {
      Hooks.subscribed(subscription, push, pull);
    }
  }

  public static final class PublishAsync {
    private PublishAsync() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Object onEnter(
        @Advice.Argument(0) String subject, @Advice.Argument(2) byte[] body) {
      return Hooks.jetStreamPublishBegins(subject, body, false);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter @Nullable Object begun,
        @Advice.Return @Nullable CompletableFuture<PublishAck> future,
        @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.jetStreamPublishReturned(begun, future, thrown);
    }
  }
}
