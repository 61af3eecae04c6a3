package dev.natschat.agent;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.logging.Logger;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.description.type.TypeDescription;
import net.bytebuddy.dynamic.ClassFileLocator;
import net.bytebuddy.matcher.ElementMatcher;
import net.bytebuddy.pool.TypePool;
import org.jspecify.annotations.Nullable;

/**
 * Class loaders whose jnats has every hooked method. A jnats that lacks one is left alone, and that
 * is said.
 */
final class KnownJnats extends ElementMatcher.Junction.AbstractBase<ClassLoader> {
  private static final Logger logger = Logger.getLogger("dev.natschat.agent");

  private static final String HEADERS = "io.nats.client.impl.Headers";

  private final List<HookedType> hookedTypes;
  private final Map<ClassLoader, Boolean> answers =
      Collections.synchronizedMap(new WeakHashMap<>());

  KnownJnats(List<HookedType> hookedTypes) {
    this.hookedTypes = hookedTypes;
  }

  @Override
  public boolean matches(@Nullable ClassLoader loader) {
    if (loader == null) {
      return false;
    }
    Boolean known = answers.get(loader);
    if (known == null) {
      String missing =
          missingIn(loader); // without a lock: it asks the class loader, which has its own
      known = missing == null;
      if (answers.put(loader, known) == null && missing != null) {
        logger.warning(
            "This jnats has no "
                + missing
                + ": it is not traced. Known are the versions from 2.17.0 to 2.26.2; the agent's own"
                + " module can be had by otel.instrumentation.nats.enabled=true.");
      }
    }
    return known;
  }

  private @Nullable String missingIn(ClassLoader loader) {
    TypePool types = TypePool.Default.of(ClassFileLocator.ForClassLoader.of(loader));
    TypePool.Resolution headers = types.describe(HEADERS);
    if (!headers.isResolved() || headers.resolve().isFinal()) {
      return "extensible " + HEADERS; // InjectedHeaders are such
    }
    for (HookedType hooked : hookedTypes) {
      String missing = missingIn(hooked, types.describe(hooked.typeName));
      if (missing != null) {
        return missing;
      }
    }
    return null;
  }

  private static @Nullable String missingIn(HookedType hooked, TypePool.Resolution resolution) {
    if (!resolution.isResolved()) {
      return hooked.typeName;
    }
    TypeDescription type = resolution.resolve();
    for (Map.Entry<String, ElementMatcher.Junction<MethodDescription>> method :
        hooked.methods.entrySet()) {
      if (type.getDeclaredMethods().filter(method.getValue()).isEmpty()) {
        return hooked.typeName + "." + method.getKey();
      }
    }
    return null;
  }
}
