package dev.natschat.agent;

import io.nats.client.ObjectStore;
import io.nats.client.api.ObjectInfo;
import java.io.OutputStream;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/** The overloads of put and get all end in these two. */
final class NatsObjectStoreInstrumentation extends HookedType {
  NatsObjectStoreInstrumentation() {
    super("io.nats.client.impl.NatsObjectStore");
    String info = "io.nats.client.api.ObjectInfo";
    hookResult(info, Put.class, "put", "io.nats.client.api.ObjectMeta", "java.io.InputStream");
    hookResult(info, Get.class, "get", "java.lang.String", "java.io.OutputStream");
  }

  public static final class Put {
    private Put() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Object onEnter(@Advice.This ObjectStore bucket) {
      return Hooks.objectIsPut(bucket);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter @Nullable Object begun,
        @Advice.Return @Nullable ObjectInfo info,
        @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.objectPutEnds(begun, info, thrown);
    }
  }

  public static final class Get {
    private Get() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Object onEnter(
        @Advice.This ObjectStore bucket, @Advice.Argument(1) @Nullable OutputStream target) {
      return Hooks.objectIsAskedFor(bucket, target);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter @Nullable Object begun,
        @Advice.Return @Nullable ObjectInfo info,
        @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.retrievalEnds(begun, info, thrown);
    }
  }
}
