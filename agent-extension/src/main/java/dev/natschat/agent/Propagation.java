package dev.natschat.agent;

import static io.opentelemetry.api.trace.propagation.internal.W3CTraceContextEncoding.encodeTraceState;
import static java.util.Arrays.asList;

import io.nats.client.Connection;
import io.nats.client.impl.Headers;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.baggage.propagation.W3CBaggagePropagator;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.opentelemetry.context.propagation.TextMapSetter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Context in NATS headers, by whatever propagators the agent is configured with. */
final class Propagation {
  /**
   * {@code HPUB}, blanks, two lengths and the line's end: what a control line has beside its
   * subjects.
   */
  private static final int CONTROL_LINE_REST = 40;

  private static final int UTF8_BYTES_PER_CHAR = 3;

  private static final String TRACE_DESTINATION = "Nats-Trace-Dest";
  private static final String TRACE_STATE = "tracestate";
  private static final String BAGGAGE = "baggage";
  private static final String TRACE_HOP = "Nats-Trace-Hop";

  /** What a server that has traced a message writes into its stored copy. */
  private static final String TRACED_ALREADY = "trace disabled";

  /** https://github.com/openzipkin/b3-propagation */
  private static final List<String> B3 =
      asList(
          "b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags");

  private static final TextMapPropagator TRACE_CONTEXT = W3CTraceContextPropagator.getInstance();

  private static final @Nullable String traceDestination = Settings.get().traceDestination;

  private static final TextMapPropagator propagator =
      GlobalOpenTelemetry.get().getPropagators().getTextMapPropagator();
  private static final TextMapPropagator[] parts = CompositePropagator.partsOf(propagator);
  private static final Collection<String> fields = fields(propagator);
  private static final List<String> baggagePrefixes = baggagePrefixes(fields);
  private static final boolean isW3c = isW3c(asList(parts));
  private static final TextMapSetter<InjectedHeaders> setter = new HeadersSetter();
  private static final TextMapGetter<Headers> getter = new HeadersGetter();

  private Propagation() {}

  /**
   * What is injected, and what else the same reader would take for it: a propagator for B3 tells of
   * the one format that it injects, but reads both, and not of what is written for debugging or by
   * Zipkin's own tracers alone.
   */
  private static Collection<String> fields(TextMapPropagator propagator) {
    Set<String> fields = new LinkedHashSet<>(propagator.fields());
    if (!Collections.disjoint(fields, B3)) {
      fields.addAll(B3);
    }
    return fields;
  }

  /** Jaeger's and OpenTracing's propagators make a header of each entry, and name none of them. */
  private static List<String> baggagePrefixes(Collection<String> fields) {
    List<String> prefixes = new ArrayList<>();
    if (fields.contains("uber-trace-id")) {
      prefixes.add("uberctx-");
      prefixes.add("jaeger-baggage");
    }
    if (fields.contains("ot-tracer-traceid")) {
      prefixes.add("ot-baggage-");
    }
    return prefixes;
  }

  private static boolean isW3c(List<TextMapPropagator> parts) {
    return parts.contains(TRACE_CONTEXT)
        && asList(TRACE_CONTEXT, W3CBaggagePropagator.getInstance()).containsAll(parts);
  }

  /** The context a message carries; the root context when it carries none. */
  static Context extract(@Nullable Headers headers) {
    if (headers == null || headers.isEmpty()) {
      return Context.root();
    }
    SpanContext sender = isW3c ? extractTraceParentAlone(headers) : null;
    return sender == null
        ? propagator.extract(Context.root(), headers, getter)
        : Context.root().with(Span.wrap(sender));
  }

  /** Null where other headers may belong to the context, or this one is not a usual one. */
  private static @Nullable SpanContext extractTraceParentAlone(Headers headers) {
    List<String> values = headers.get(TraceParent.NAME);
    if (values == null || values.size() != 1) {
      return null;
    }
    if (headers.size() > 1) {
      for (String name : headers.keySet()) {
        if (name.equalsIgnoreCase(TRACE_STATE) || name.equalsIgnoreCase(BAGGAGE)) {
          return null;
        }
      }
    }
    return TraceParent.read(values.get(0));
  }

  /**
   * Whether the sender's context is seen at a glance to be valid and not sampled. To extract it
   * takes many times as long.
   */
  static boolean isPlainlyUnsampled(@Nullable Headers headers) {
    List<String> values = isW3c && headers != null ? headers.get(TraceParent.NAME) : null;
    return values != null && values.size() == 1 && TraceParent.isUnsampled(values.get(0));
  }

  /**
   * The headers to send, null for none: a copy that carries the context, or the caller's own object
   * where there is none to carry (the SDK may be disabled; what the caller forwards is another's),
   * the server takes no headers, the client has switched them off (a server closes the connection
   * of such a client that sends some), or the message would not fit with them.
   */
  static @Nullable Headers inject(
      Context context,
      Connection connection,
      String subject,
      @Nullable String replyTo,
      @Nullable Headers headers,
      byte @Nullable [] body) {
    if (fields.isEmpty()
        || !connection.getServerInfo().isHeadersSupported()
        || connection.getOptions().isNoHeaders()) {
      return headers;
    }
    InjectedHeaders injected = new InjectedHeaders(headers, stale(headers));
    for (TextMapPropagator part : parts) {
      if (part == TRACE_CONTEXT) {
        injectTraceContext(context, injected);
      } else {
        part.inject(context, injected, setter);
      }
    }
    askBrokerForItsTrace(context, injected);
    boolean hasNothingToSay =
        !injected.isInjected() && !Span.fromContext(context).getSpanContext().isValid();
    if (hasNothingToSay) {
      return headers;
    }
    if (injected.isEmpty()) {
      return null;
    }
    return fits(connection, subject, replyTo, injected, body) ? injected : headers;
  }

  /** As {@link W3CTraceContextPropagator} does. */
  private static void injectTraceContext(Context context, InjectedHeaders headers) {
    SpanContext span = Span.fromContext(context).getSpanContext();
    if (span.isValid()) {
      headers.injectTraceParent(span);
      if (!span.getTraceState().isEmpty()) {
        setter.set(headers, TRACE_STATE, encodeTraceState(span.getTraceState()));
      }
    }
  }

  /**
   * Servers since 2.11 publish each hop of such a message to that subject: ADR-41
   * (https://github.com/nats-io/nats-architecture-and-design).
   */
  private static void askBrokerForItsTrace(Context context, InjectedHeaders headers) {
    if (traceDestination != null
        && Span.fromContext(context).getSpanContext().isSampled()
        && !headers.isCopied(TRACE_DESTINATION)) {
      headers.inject(TRACE_DESTINATION, traceDestination);
    }
  }

  /**
   * A forwarded message may carry another spelling of the same header (Go canonicalises), and what
   * servers have written about the way it came: with that, no server would trace it on its new one.
   */
  private static @Nullable List<String> stale(@Nullable Headers headers) {
    if (headers == null || headers.isEmpty()) {
      return null;
    }
    List<String> stale = null;
    for (String name : headers.keySet()) {
      if (isStale(name, headers)) {
        stale = stale == null ? new ArrayList<>() : stale;
        stale.add(name);
      }
    }
    return stale;
  }

  private static boolean isStale(String name, Headers headers) {
    if (name.equalsIgnoreCase(TRACE_HOP)) {
      return true;
    }
    if (name.equalsIgnoreCase(TRACE_DESTINATION)) {
      return TRACED_ALREADY.equals(headers.getFirst(name));
    }
    for (String field : fields) {
      if (field.equalsIgnoreCase(name)) {
        return true;
      }
    }
    for (String prefix : baggagePrefixes) {
      if (name.regionMatches(true, 0, prefix, 0, prefix.length())) {
        return true;
      }
    }
    return false;
  }

  private static boolean fits(
      Connection connection,
      String subject,
      @Nullable String replyTo,
      Headers headers,
      byte @Nullable [] body) {
    int subjects = subject.length() + (replyTo == null ? 0 : replyTo.length());
    if (subjects * UTF8_BYTES_PER_CHAR + CONTROL_LINE_REST
        > connection.getOptions().getMaxControlLine()) {
      return false;
    }
    long maxPayload = connection.getMaxPayload();
    return maxPayload <= 0
        || (body == null ? 0 : body.length) + headers.serializedLength() <= maxPayload;
  }

  static final class HeadersSetter implements TextMapSetter<InjectedHeaders> {
    /** Some propagators make names of baggage keys; one with a blank is no name of a header. */
    @Override
    public void set(@Nullable InjectedHeaders carrier, String key, String value) {
      if (carrier != null) {
        try {
          carrier.inject(key, value);
        } catch (IllegalArgumentException noHeader) {
          // The others travel.
        }
      }
    }
  }

  static final class HeadersGetter implements TextMapGetter<Headers> {
    @Override
    @SuppressWarnings("deprecation") // still abstract, and still asked by baggage and jaeger
    public Iterable<String> keys(Headers carrier) {
      return carrier.keySet();
    }

    @Override
    public @Nullable String get(@Nullable Headers carrier, String key) {
      if (carrier == null) {
        return null;
      }
      List<String> values = carrier.get(key);
      if (values == null) {
        values = carrier.getIgnoreCase(key);
      }
      return values == null || values.isEmpty() ? null : values.get(0);
    }

    @Override
    public Iterator<String> getAll(@Nullable Headers carrier, String key) {
      List<String> values = carrier == null ? null : carrier.getIgnoreCase(key);
      return (values == null ? Collections.<String>emptyList() : values).iterator();
    }
  }
}
