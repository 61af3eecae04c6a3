package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.toList;
import static net.bytebuddy.matcher.ElementMatchers.fieldType;
import static net.bytebuddy.matcher.ElementMatchers.hasSuperType;
import static net.bytebuddy.matcher.ElementMatchers.named;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.logging.Logger;
import net.bytebuddy.description.field.FieldDescription;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.description.type.TypeDescription;
import net.bytebuddy.dynamic.ClassFileLocator;
import net.bytebuddy.matcher.ElementMatcher;
import net.bytebuddy.pool.TypePool;
import org.jspecify.annotations.Nullable;

/**
 * Class loaders whose jnats has every hooked method, and every member that the helpers use: {@code
 * jnats-members.txt}. A jnats that lacks one is left alone, and that is said.
 */
final class KnownJnats extends ElementMatcher.Junction.AbstractBase<ClassLoader> {
  private static final Logger logger = Logger.getLogger("dev.natschat.agent");

  private static final String HEADERS = "io.nats.client.impl.Headers";

  private static final String UNREADABLE =
      "readable "
          + HEADERS
          + " (under a security manager the agent needs"
          + " -Dotel.javaagent.experimental.security-manager-support.enabled=true)";

  private final List<HookedType> hookedTypes;
  private final List<String> members = members();
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
    return known == null ? ask(loader) : known;
  }

  private boolean ask(ClassLoader loader) {
    Boolean above = ofLoaderAbove(loader);
    // Without a lock: it asks the class loader, which has its own.
    String missing = above == null ? missingIn(loader) : null;
    boolean known = above == null ? missing == null : above;
    if (answers.put(loader, known) == null && missing != null) {
      logger.warning(
          "This jnats has no "
              + missing
              + ": it is not traced. Known are the versions from 2.17.0 to 2.26.3; the agent's own"
              + " module can be had by otel.instrumentation.nats.enabled=true.");
    }
    return known;
  }

  /** Scripts and pages have loaders of their own, by the thousand, below that of their jnats. */
  private @Nullable Boolean ofLoaderAbove(ClassLoader loader) {
    for (ClassLoader above = loader.getParent(); above != null; above = above.getParent()) {
      Boolean known = answers.get(above);
      if (known != null) {
        return place(loader).equals(place(above)) ? known : null;
      }
    }
    return null;
  }

  private static String place(ClassLoader loader) {
    return String.valueOf(loader.getResource("io/nats/client/impl/NatsConnection.class"));
  }

  private @Nullable String missingIn(ClassLoader loader) {
    TypePool types = TypePool.Default.of(ClassFileLocator.ForClassLoader.of(loader));
    TypePool.Resolution headers = types.describe(HEADERS);
    if (!headers.isResolved()) {
      return UNREADABLE;
    }
    if (headers.resolve().isFinal()) {
      return "extensible " + HEADERS; // InjectedHeaders are such
    }
    for (HookedType hooked : hookedTypes) {
      String missing = missingIn(hooked, types.describe(hooked.typeName));
      if (missing != null) {
        return missing;
      }
    }
    for (String member : members) {
      int blank = member.indexOf(' ');
      if (!has(types.describe(member.substring(0, blank)), member.substring(blank + 1))) {
        return member.replace(' ', '.');
      }
    }
    return null;
  }

  static boolean has(TypePool.Resolution resolution, String member) {
    return resolution.isResolved() && has(resolution.resolve(), member);
  }

  /** Declared in the type, or in one of jnats that it extends. */
  private static boolean has(TypeDescription type, String member) {
    if (!type.getName().startsWith("io.nats.")) {
      return false;
    }
    for (MethodDescription.InDefinedShape method : type.getDeclaredMethods()) {
      if (member.equals(method.getInternalName() + method.getDescriptor())) {
        return true;
      }
    }
    for (FieldDescription.InDefinedShape field : type.getDeclaredFields()) {
      if (member.equals(field.getName() + ":" + field.getDescriptor())) {
        return true;
      }
    }
    TypeDescription.Generic parent = type.getSuperClass();
    if (parent != null && has(parent.asErasure(), member)) {
      return true;
    }
    for (TypeDescription.Generic implemented : type.getInterfaces()) {
      if (has(implemented.asErasure(), member)) {
        return true;
      }
    }
    return false;
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
    for (Map.Entry<String, String> field : hooked.fields.entrySet()) {
      if (type.getDeclaredFields()
          .filter(named(field.getKey()).and(fieldType(hasSuperType(named(field.getValue())))))
          .isEmpty()) {
        return hooked.typeName + "." + field.getKey();
      }
    }
    return null;
  }

  /** One member a line; a test compares them with the byte code of the helpers. */
  private static List<String> members() {
    try (InputStream lines = KnownJnats.class.getResourceAsStream("jnats-members.txt");
        BufferedReader reader =
            new BufferedReader(new InputStreamReader(requireNonNull(lines), UTF_8))) {
      return reader.lines().collect(toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
