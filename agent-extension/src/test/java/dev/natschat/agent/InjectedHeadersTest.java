package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nats.client.impl.Headers;
import io.nats.client.support.ByteArrayBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compared with jnats' own headers, into which everything was put. */
class InjectedHeadersTest {
  private static final String TRACEPARENT =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  private static final SpanContext SENDER =
      SpanContext.create(
          "0af7651916cd43dd8448eb211c80319c",
          "b7ad6b7169203331",
          TraceFlags.getSampled(),
          TraceState.getDefault());

  /** Else the headers would be right, and as slow as jnats' own. */
  @Test
  void withThisJnatsTheyWaitBesideTheMaps() {
    assertThat(InjectedHeaders.mayWaitBeside()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"0,0", "0,1", "0,2", "0,3", "2,0", "2,1", "2,5"})
  void theyAreWrittenAndReadLikeOnesThatWerePut(int copied, int injected) {
    Headers callers = copied == 0 ? null : callers(copied);
    Headers expected = new Headers(callers);
    InjectedHeaders headers = new InjectedHeaders(callers, null);
    for (int i = 0; i < injected; i++) {
      expected.put("name-" + i, TRACEPARENT + i);
      headers.inject("name-" + i, TRACEPARENT + i);
    }
    assertSame(headers, expected);
    if (callers != null) {
      assertThat(callers.size()).isEqualTo(copied);
    }
  }

  @ParameterizedTest
  @CsvSource({"0,0", "0,1", "2,0", "2,3"})
  void traceparentOfAContextIsWrittenAndReadLikeOneThatWasPut(int copied, int injected) {
    Headers callers = copied == 0 ? null : callers(copied);
    Headers expected = new Headers(callers).put("traceparent", TRACEPARENT);
    InjectedHeaders headers = new InjectedHeaders(callers, null);
    headers.injectTraceParent(SENDER);
    for (int i = 0; i < injected; i++) {
      expected.put("name-" + i, "value-" + i);
      headers.inject("name-" + i, "value-" + i);
    }
    assertThat(headers.isInjected()).isTrue();
    assertSame(headers, expected);
  }

  @Test
  void traceparentOfAContextGoesWhereTheOthersGo() {
    InjectedHeaders first = new InjectedHeaders(null, null);
    first.injectTraceParent(SENDER);
    first.inject("odd", "a\tb");
    assertSame(first, new Headers().put("traceparent", TRACEPARENT).put("odd", "a\tb"));

    InjectedHeaders last = new InjectedHeaders(null, null);
    last.inject("odd", "a\tb");
    last.injectTraceParent(SENDER);
    assertSame(last, new Headers().put("odd", "a\tb").put("traceparent", TRACEPARENT));
  }

  @Test
  void traceparentOfAContextReplacesAndIsReplaced() {
    InjectedHeaders replaces = new InjectedHeaders(callers(1).put("traceparent", "old"), null);
    replaces.injectTraceParent(SENDER);
    assertSame(replaces, callers(1).put("traceparent", TRACEPARENT));

    InjectedHeaders isReplaced = new InjectedHeaders(null, null);
    isReplaced.injectTraceParent(SENDER);
    isReplaced.inject("traceparent", "new");
    assertSame(isReplaced, new Headers().put("traceparent", "new"));
  }

  @Test
  void theLastOfANameCounts() {
    Headers callers = callers(2).put("tracestate", "old");
    InjectedHeaders headers = new InjectedHeaders(callers, null);
    headers.inject("traceparent", "first");
    headers.inject("tracestate", "new");
    headers.inject("traceparent", TRACEPARENT);
    headers.inject("baggage", "a=b");
    assertSame(
        headers,
        callers(2).put("traceparent", TRACEPARENT).put("tracestate", "new").put("baggage", "a=b"));
    assertThat(callers.getFirst("tracestate")).isEqualTo("old");
  }

  @Test
  void staleOnesAreNotCopied() {
    InjectedHeaders headers =
        new InjectedHeaders(callers(2).put("Traceparent", "old"), List.of("Traceparent"));
    headers.inject("traceparent", TRACEPARENT);
    assertSame(headers, callers(2).put("traceparent", TRACEPARENT));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a\tb", "~ ", "€", "é", "\u0000", "\r\nSmuggled: in", "a\u007fb"})
  void whatIsNotPlainIsLeftToJnats(String value) {
    Headers expected = callers(1).put("before", "b");
    InjectedHeaders headers = new InjectedHeaders(callers(1), null);
    headers.inject("before", "b");
    assertSameOutcome(() -> expected.put("odd", value), () -> headers.inject("odd", value));
    expected.put("after", "a");
    headers.inject("after", "a");
    assertSame(headers, expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a b", "a:b", "é", "a\nb"})
  void noNameOfAHeaderIsRefusedAsByJnats(String name) {
    InjectedHeaders headers = new InjectedHeaders(null, null);
    headers.inject("before", "b");
    assertSameOutcome(() -> new Headers().put(name, "v"), () -> headers.inject(name, "v"));
    headers.inject("after", "a");
    assertSame(headers, new Headers().put("before", "b").put("after", "a"));
  }

  @Test
  void nobodyElseChangesThem() {
    InjectedHeaders headers = new InjectedHeaders(callers(1), null);
    assertThat(headers.isReadOnly()).isTrue();
    assertThatThrownBy(() -> headers.put("a", "b"))
        .isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(headers::clear).isInstanceOf(UnsupportedOperationException.class);
  }

  private static Headers callers(int count) {
    Headers headers = new Headers();
    for (int i = 0; i < count; i++) {
      headers.add("Own-" + i, "one", "two");
    }
    return headers;
  }

  private static void assertSameOutcome(Runnable expected, Runnable actual) {
    Class<?> thrown = thrownBy(expected);
    assertThat(thrownBy(actual)).isEqualTo(thrown);
  }

  private static Class<?> thrownBy(Runnable task) {
    try {
      task.run();
      return Void.class;
    } catch (RuntimeException e) {
      return e.getClass();
    }
  }

  @SuppressWarnings("deprecation") // what jnats may call
  private static void assertSame(InjectedHeaders headers, Headers expected) {
    assertThat(headers.isEmpty()).isEqualTo(expected.isEmpty());
    assertThat(headers.serializedLength()).isEqualTo(expected.serializedLength());
    byte[] bytes = headers.getSerialized();
    assertThat(lines(bytes)).containsExactlyInAnyOrder(lines(expected.getSerialized()));
    assertThat(bytes).startsWith("NATS/1.0\r\n".getBytes(US_ASCII)).endsWith('\r', '\n');
    assertThat(headers.appendSerialized(new ByteArrayBuilder()).toByteArray()).isEqualTo(bytes);

    byte[] target = new byte[bytes.length + 7];
    Arrays.fill(target, (byte) '#');
    assertThat(headers.serializeToArray(3, target)).isEqualTo(bytes.length);
    assertThat(new String(target, US_ASCII))
        .isEqualTo("###" + new String(bytes, US_ASCII) + "####");

    assertThat(headers.size()).isEqualTo(expected.size());
    assertThat(headers.keySet()).isEqualTo(expected.keySet());
    assertThat(headers.keySetIgnoreCase()).isEqualTo(expected.keySetIgnoreCase());
    assertThat(headers.entrySet()).isEqualTo(expected.entrySet());
    assertThat(headers.toMap()).isEqualTo(expected.toMap());
    TreeMap<String, List<String>> each = new TreeMap<>();
    headers.forEach(each::put);
    assertThat(each).isEqualTo(expected.toMap());
    for (String name : List.of("traceparent", "Own-0", "own-0", "name-0", "NAME-0", "absent")) {
      assertThat(headers.get(name)).isEqualTo(expected.get(name));
      assertThat(headers.getFirst(name)).isEqualTo(expected.getFirst(name));
      assertThat(headers.getLast(name)).isEqualTo(expected.getLast(name));
      assertThat(headers.getIgnoreCase(name)).isEqualTo(expected.getIgnoreCase(name));
      assertThat(headers.containsKey(name)).isEqualTo(expected.containsKey(name));
      assertThat(headers.containsKeyIgnoreCase(name))
          .isEqualTo(expected.containsKeyIgnoreCase(name));
    }
    assertThat(headers.equals(expected)).isTrue();
    assertThat(headers.hashCode()).isEqualTo(expected.hashCode());
    assertThat(headers.toString()).hasSameSizeAs(expected.toString());
  }

  private static String[] lines(byte[] serialized) {
    return new String(serialized, US_ASCII).split("\r\n", -1);
  }
}
