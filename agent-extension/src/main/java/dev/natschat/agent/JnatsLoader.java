package dev.natschat.agent;

import io.nats.client.Message;
import java.lang.reflect.Method;
import org.jspecify.annotations.Nullable;

/**
 * The hooks beside jnats. An application may have its jnats from a parent of its own class loader:
 * its batch methods then call a copy of the hooks that knows none of its messages.
 */
final class JnatsLoader {
  private static final @Nullable ClassLoader loader = Message.class.getClassLoader();

  /** Null until jnats is loaded, and its hooks with it; there is no message before. */
  private static volatile @Nullable Method batchBegins;

  private static volatile @Nullable Method batchEnds;

  private JnatsLoader() {}

  static boolean isOurs() {
    return loader == Hooks.class.getClassLoader();
  }

  static @Nullable Object batchBegins(@Nullable Object argument)
      throws ReflectiveOperationException {
    Method begins = batchBegins;
    if (begins == null) {
      Class<?> hooks;
      try {
        hooks = Class.forName(Hooks.class.getName(), true, loader);
      } catch (ClassNotFoundException notYet) {
        return null;
      }
      begins = hooks.getMethod("batchBegins", Object.class);
      batchEnds = hooks.getMethod("batchEnds", Object.class, Throwable.class);
      batchBegins = begins;
    }
    return begins.invoke(null, argument);
  }

  static void batchEnds(Object begun, @Nullable Throwable thrown)
      throws ReflectiveOperationException {
    Method ends = batchEnds;
    if (ends != null) {
      ends.invoke(null, begun, thrown);
    }
  }
}
