package dev.natschat.agent;

/** The header of that name: https://www.w3.org/TR/trace-context/#traceparent-header */
final class TraceParent {
  private static final String VERSION = "00-";
  private static final int TRACE_ID = VERSION.length();
  private static final int END_OF_TRACE_ID = TRACE_ID + 32;
  private static final int SPAN_ID = END_OF_TRACE_ID + 1;
  private static final int END_OF_SPAN_ID = SPAN_ID + 16;
  private static final String NO_FLAGS = "-00";

  private TraceParent() {}

  /** Whether it is valid, of today's version, and has no flags at all. */
  static boolean isUnsampled(String value) {
    return value.length() == END_OF_SPAN_ID + NO_FLAGS.length()
        && value.endsWith(NO_FLAGS) // first: most others end otherwise
        && value.startsWith(VERSION)
        && isId(value, TRACE_ID, END_OF_TRACE_ID)
        && value.charAt(END_OF_TRACE_ID) == '-'
        && isId(value, SPAN_ID, END_OF_SPAN_ID);
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
