package dev.natschat.agent;

/** The header of that name: https://www.w3.org/TR/trace-context-2/#traceparent-header */
final class TraceParent {
  private static final String VERSION = "00-";
  private static final int TRACE_ID = VERSION.length();
  private static final int END_OF_TRACE_ID = TRACE_ID + 32;
  private static final int SPAN_ID = END_OF_TRACE_ID + 1;
  private static final int END_OF_SPAN_ID = SPAN_ID + 16;
  private static final int FLAGS = END_OF_SPAN_ID + 1;
  private static final int LENGTH = FLAGS + 2;

  private TraceParent() {}

  /** Whether it is valid, of today's version, and its flags say that it was not sampled. */
  static boolean isUnsampled(String value) {
    return value.length() == LENGTH
        && hasUnsampledFlags(value) // first: most others differ there
        && value.startsWith(VERSION)
        && isId(value, TRACE_ID, END_OF_TRACE_ID)
        && value.charAt(END_OF_TRACE_ID) == '-'
        && isId(value, SPAN_ID, END_OF_SPAN_ID)
        && value.charAt(END_OF_SPAN_ID) == '-';
  }

  /** Of the bits that are known, sampled (1) is not set; random (2) may be. */
  private static boolean hasUnsampledFlags(String value) {
    char last = value.charAt(FLAGS + 1);
    return (last == '0' || last == '2') && value.charAt(FLAGS) == '0';
  }

  private static boolean isId(String value, int from, int to) {
    boolean isZero = true;
    for (int i = from; i < to; i++) {
      char c = value.charAt(i);
      if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
        return false;
      }
      isZero &= c == '0';
    }
    return !isZero;
  }
}
