package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.impl.Headers;
import io.nats.client.support.ByteArrayBuilder;
import io.opentelemetry.api.trace.SpanContext;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The headers of one message on its way out: a copy of the caller's, ours alone.
 *
 * <p>What is injected into them waits beside the maps that jnats keeps headers in, and is written
 * from there: to put one header into these maps takes longer than all else that a propagator does.
 * That asks for every method of {@link Headers} to be overridden here, and for a message that keeps
 * the very headers it is given; with a jnats that is otherwise (before 2.20) the maps are used.
 */
final class InjectedHeaders extends Headers {
  private static final boolean mayWaitBeside = isEveryMethodOverridden() && areKept();

  /** The colon and the line's end. */
  private static final int REST_OF_LINE = 3;

  private static final int LINE_END = 2;

  /** Names and values by turns; two headers need no more room. */
  private String[] beside = new String[4];

  private int used;

  /** Of whom traceparent tells, written from here without a text of it being made. */
  private @Nullable SpanContext sender;

  private boolean injected;
  private int bytesBeside;

  /**
   * @param stale names of headers that are not copied
   */
  InjectedHeaders(@Nullable Headers headers, @Nullable Collection<String> stale) {
    super(headers);
    if (stale != null) {
      super.remove(stale);
    }
  }

  private static boolean isEveryMethodOverridden() {
    try {
      for (Method method : Headers.class.getDeclaredMethods()) {
        int modifiers = method.getModifiers();
        if (Modifier.isPublic(modifiers) && !Modifier.isStatic(modifiers)) {
          Method unused =
              InjectedHeaders.class.getDeclaredMethod(method.getName(), method.getParameterTypes());
        }
      }
      return true;
    } catch (ReflectiveOperationException | LinkageError | RuntimeException unknownJnats) {
      return false;
    }
  }

  /**
   * Whether the message that jnats makes of a publish has these headers, not a copy of its maps.
   */
  @SuppressWarnings("ReferenceEquality") // the very same
  private static boolean areKept() {
    try {
      String name = Headers.class.getName().replace("Headers", "NatsPublishableMessage");
      Class<?> type = Class.forName(name, true, Headers.class.getClassLoader());
      InjectedHeaders headers = new InjectedHeaders(null, null);
      headers.inject("probe", "probe");
      Object message = publishable(type.getConstructors(), headers);
      return message != null && ((Message) message).getHeaders() == headers;
    } catch (ReflectiveOperationException | LinkageError | RuntimeException unknownJnats) {
      return false;
    }
  }

  /** Its body is followed by one flag or, before 2.25, by two. */
  private static @Nullable Object publishable(Constructor<?>[] constructors, Headers headers)
      throws ReflectiveOperationException {
    for (Constructor<?> constructor : constructors) {
      Class<?>[] types = constructor.getParameterTypes();
      if (types.length > 4 && types[2] == Headers.class) {
        Object[] arguments = new Object[types.length];
        Arrays.fill(arguments, false);
        System.arraycopy(new Object[] {"probe", null, headers, new byte[0]}, 0, arguments, 0, 4);
        constructor.setAccessible(true);
        return constructor.newInstance(arguments);
      }
    }
    return null;
  }

  static boolean mayWaitBeside() {
    return mayWaitBeside;
  }

  boolean isInjected() {
    return injected;
  }

  /** Whether a header that was copied has that name, in whatever case. */
  boolean isCopied(String name) {
    return !super.isEmpty() && super.containsKeyIgnoreCase(name);
  }

  /**
   * Sets a header, in place of one of that name.
   *
   * @throws IllegalArgumentException if NATS has no such names or values
   */
  void inject(String name, String value) {
    injected = true;
    if (!mayWaitBeside || !isPlain(name, value) || isAlreadySet(name)) {
      putAllBeside();
      super.put(name, value);
      return;
    }
    if (used == beside.length) {
      beside = Arrays.copyOf(beside, 2 * used);
    }
    beside[used++] = name;
    beside[used++] = value;
    bytesBeside += name.length() + value.length() + REST_OF_LINE;
  }

  /** Sets {@code traceparent} as the SDK does, for a valid context. */
  void injectTraceParent(SpanContext span) {
    if (!mayWaitBeside || isAlreadySet(TraceParent.NAME)) {
      inject(TraceParent.NAME, TraceParent.of(span));
      return;
    }
    injected = true;
    sender = span;
    bytesBeside += TraceParent.NAME.length() + TraceParent.LENGTH + REST_OF_LINE;
  }

  private void putAllBeside() {
    if (sender != null) {
      super.put(TraceParent.NAME, TraceParent.of(sender));
      sender = null;
    }
    for (int i = 0; i < used; i += 2) {
      super.put(beside[i], beside[i + 1]);
    }
    used = 0;
    bytesBeside = 0;
  }

  private boolean isAlreadySet(String name) {
    if (sender != null && name.equals(TraceParent.NAME)) {
      return true;
    }
    for (int i = 0; i < used; i += 2) {
      if (beside[i].equals(name)) {
        return true;
      }
    }
    return !super.isEmpty() && super.containsKey(name);
  }

  /** One byte a character, and none that jnats would refuse or change. */
  private static boolean isPlain(String name, String value) {
    return isWithin(name, '!') && name.indexOf(':') < 0 && isWithin(value, ' ');
  }

  private static boolean isWithin(String text, char first) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < first || c > '~') {
        return false;
      }
    }
    return !text.isEmpty();
  }

  // What jnats asks when it writes a message.

  @Override
  public boolean isEmpty() {
    return sender == null && used == 0 && super.isEmpty();
  }

  /** So jnats makes no copy of this copy. */
  @Override
  public boolean isReadOnly() {
    return true;
  }

  @Override
  public int serializedLength() {
    return super.serializedLength() + bytesBeside;
  }

  @Override
  public int serializeToArray(int start, byte[] target) {
    super.serializeToArray(start, target);
    int at = start + super.serializedLength() - LINE_END; // over the empty line
    if (sender != null) {
      at = TraceParent.writeAscii(TraceParent.NAME, target, at);
      target[at++] = ':';
      at = writeLineEnd(target, TraceParent.write(sender, target, at));
    }
    for (int i = 0; i < used; i += 2) {
      at = TraceParent.writeAscii(beside[i], target, at);
      target[at++] = ':';
      at = writeLineEnd(target, TraceParent.writeAscii(beside[i + 1], target, at));
    }
    writeLineEnd(target, at);
    return serializedLength();
  }

  private static int writeLineEnd(byte[] target, int at) {
    target[at] = '\r';
    target[at + 1] = '\n';
    return at + LINE_END;
  }

  @Override
  public byte[] getSerialized() {
    byte[] bytes = new byte[serializedLength()];
    serializeToArray(0, bytes);
    return bytes;
  }

  @Override
  @SuppressWarnings("deprecation") // as long as it is there
  public ByteArrayBuilder appendSerialized(ByteArrayBuilder builder) {
    return builder.append(getSerialized());
  }

  @Override
  public boolean isDirty() {
    return true;
  }

  // What others may ask, listeners to what is written for instance: of a copy, made for them.

  private Headers all() {
    Headers all = new Headers(this); // without what is beside
    if (sender != null) {
      all.put(TraceParent.NAME, TraceParent.of(sender));
    }
    for (int i = 0; i < used; i += 2) {
      all.put(beside[i], beside[i + 1]);
    }
    return all;
  }

  @Override
  public int size() {
    return all().size();
  }

  @Override
  public boolean containsKey(String key) {
    return all().containsKey(key);
  }

  @Override
  public boolean containsKeyIgnoreCase(String key) {
    return all().containsKeyIgnoreCase(key);
  }

  @Override
  public Set<String> keySet() {
    return all().keySet();
  }

  @Override
  public Set<String> keySetIgnoreCase() {
    return all().keySetIgnoreCase();
  }

  @Override
  public @Nullable List<String> get(String key) {
    return all().get(key);
  }

  @Override
  public @Nullable String getFirst(String key) {
    return all().getFirst(key);
  }

  @Override
  public @Nullable String getLast(String key) {
    List<String> values = get(key); // older ones have no getLast
    return values == null || values.isEmpty() ? null : values.get(values.size() - 1);
  }

  @Override
  public @Nullable List<String> getIgnoreCase(String key) {
    return all().getIgnoreCase(key);
  }

  @Override
  public void forEach(BiConsumer<String, List<String>> action) {
    all().forEach(action);
  }

  @Override
  public Set<Map.Entry<String, List<String>>> entrySet() {
    return all().entrySet();
  }

  @Override
  public Map<String, List<String>> toMap() {
    Map<String, List<String>> map = new HashMap<>(); // older ones have no toMap
    forEach(map::put);
    return map;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return this == other || all().equals(other);
  }

  @Override
  public int hashCode() {
    return all().hashCode();
  }

  @Override
  public String toString() {
    Object all = all();
    return all.toString();
  }

  // Changes, which jnats' own read-only headers refuse, too.

  @Override
  public Headers add(String key, String... values) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Headers add(String key, Collection<String> values) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Headers put(String key, String... values) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Headers put(String key, Collection<String> values) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Headers put(Map<String, List<String>> map) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void remove(String... keys) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void remove(Collection<String> keys) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void clear() {
    throw new UnsupportedOperationException();
  }
}
