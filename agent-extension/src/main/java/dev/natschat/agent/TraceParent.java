package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.opentelemetry.api.internal.ImmutableSpanContext;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import org.jspecify.annotations.Nullable;

/** The header of that name: https://www.w3.org/TR/trace-context-2/#traceparent-header */
final class TraceParent {
  static final String NAME = "traceparent";

  private static final String VERSION = "00-";
  private static final int TRACE_ID = VERSION.length();
  private static final int END_OF_TRACE_ID = TRACE_ID + 32;
  private static final int SPAN_ID = END_OF_TRACE_ID + 1;
  private static final int END_OF_SPAN_ID = SPAN_ID + 16;
  private static final int FLAGS = END_OF_SPAN_ID + 1;
  static final int LENGTH = FLAGS + 2;

  private static final int SAMPLED = 1;

  private TraceParent() {}

  static String of(SpanContext span) {
    byte[] bytes = new byte[LENGTH];
    write(span, bytes, 0);
    return new String(bytes, ISO_8859_1);
  }

  /** Writes the value for a valid context, {@link #LENGTH} bytes; returns where it ends. */
  static int write(SpanContext span, byte[] target, int start) {
    int at = writeAscii(VERSION, target, start);
    at = writeAscii(span.getTraceId(), target, at);
    target[at++] = '-';
    at = writeAscii(span.getSpanId(), target, at);
    target[at++] = '-';
    return writeAscii(span.getTraceFlags().asHex(), target, at);
  }

  /** Returns where it ends. */
  @SuppressWarnings("deprecation") // of getBytes: copies what is ASCII at once
  static int writeAscii(String ascii, byte[] target, int at) {
    ascii.getBytes(0, ascii.length(), target, at);
    return at + ascii.length();
  }

  /** The sender's context; null where only the propagator knows what the value says. */
  static @Nullable SpanContext read(String value) {
    return isUsual(value)
        ? ImmutableSpanContext.create(
            value.substring(TRACE_ID, END_OF_TRACE_ID),
            value.substring(SPAN_ID, END_OF_SPAN_ID),
            TraceFlags.fromByte((byte) (value.charAt(LENGTH - 1) - '0')),
            TraceState.getDefault(),
            true,
            true)
        : null;
  }

  /** Whether it is valid, of today's version, and its flags say that it was not sampled. */
  static boolean isUnsampled(String value) {
    return value.length() == LENGTH && (value.charAt(LENGTH - 1) & SAMPLED) == 0 && isUsual(value);
  }

  /**
   * Whether it is of today's version and length, its two ids are valid, and its flags say sampled
   * (1), random (2), and nothing else.
   */
  private static boolean isUsual(String value) {
    if (value.length() != LENGTH || !value.startsWith(VERSION)) {
      return false;
    }
    byte[] bytes = value.getBytes(ISO_8859_1); // copied at once, and read faster than characters
    return isId(bytes, TRACE_ID, END_OF_TRACE_ID)
        && bytes[END_OF_TRACE_ID] == '-'
        && isId(bytes, SPAN_ID, END_OF_SPAN_ID)
        && bytes[END_OF_SPAN_ID] == '-'
        && bytes[FLAGS] == '0'
        && bytes[LENGTH - 1] >= '0'
        && bytes[LENGTH - 1] <= '3';
  }

  private static boolean isId(byte[] bytes, int from, int to) {
    int seen = 0; // stays 0 while there are zeros only
    for (int i = from; i < to; i++) {
      int b = bytes[i];
      if ((b < '0' || b > '9') && (b < 'a' || b > 'f')) {
        return false;
      }
      seen |= b - '0';
    }
    return seen != 0;
  }
}
