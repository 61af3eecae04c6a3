package dev.natschat.agent;

import static io.opentelemetry.api.trace.propagation.internal.W3CTraceContextEncoding.encodeTraceState;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.internal.InternalAttributeKeyImpl;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.trace.data.EventData;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.data.StatusData;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes spans as OTLP's protocol buffers, byte by byte what the SDK's exporter makes of them, but
 * in one pass: the length of a message is filled in when its end is known, where the SDK reckons
 * all lengths first. For one thread at a time.
 *
 * <p>Numbers of fields are those of {@code opentelemetry/proto/trace/v1/trace.proto} and {@code
 * common.proto}: https://github.com/open-telemetry/opentelemetry-proto
 */
final class SpanEncoder implements BiConsumer<AttributeKey<?>, Object> {
  // What a field begins with: its number, and whether a varint (0), eight bytes (1), a length and
  // so many bytes (2), or four bytes (5) follow.
  private static final int SPANS = 2 << 3 | 2;

  private static final int TRACE_ID = 1 << 3 | 2;
  private static final int SPAN_ID = 2 << 3 | 2;
  private static final int TRACE_STATE = 3 << 3 | 2;
  private static final int PARENT_SPAN_ID = 4 << 3 | 2;
  private static final int NAME = 5 << 3 | 2;
  private static final int KIND = 6 << 3;
  private static final int START = 7 << 3 | 1;
  private static final int END = 8 << 3 | 1;
  private static final int ATTRIBUTES = 9 << 3 | 2;
  private static final int DROPPED_ATTRIBUTES = 10 << 3;
  private static final int EVENTS = 11 << 3 | 2;
  private static final int DROPPED_EVENTS = 12 << 3;
  private static final int LINKS = 13 << 3 | 2;
  private static final int DROPPED_LINKS = 14 << 3;
  private static final int STATUS = 15 << 3 | 2;
  private static final int FLAGS = 16 << 3 | 5;

  private static final int EVENT_TIME = 1 << 3 | 1;
  private static final int EVENT_NAME = 2 << 3 | 2;
  private static final int EVENT_ATTRIBUTES = 3 << 3 | 2;
  private static final int EVENT_DROPPED_ATTRIBUTES = 4 << 3;

  private static final int LINK_ATTRIBUTES = 4 << 3 | 2;
  private static final int LINK_DROPPED_ATTRIBUTES = 5 << 3;
  private static final int LINK_FLAGS = 6 << 3 | 5;

  private static final int STATUS_DESCRIPTION = 2 << 3 | 2;
  private static final int STATUS_CODE = 3 << 3;

  private static final int KEY = 1 << 3 | 2;
  private static final int VALUE = 2 << 3 | 2;
  private static final int STRING_VALUE = 1 << 3 | 2;
  private static final int BOOL_VALUE = 2 << 3;
  private static final int INT_VALUE = 3 << 3;
  private static final int DOUBLE_VALUE = 4 << 3 | 1;
  private static final int ARRAY_VALUE = 5 << 3 | 2;
  private static final int ARRAY_ELEMENT = 1 << 3 | 2;

  private static final int PARENT_IS_KNOWN_TO_BE_REMOTE_OR_NOT = 0x100;
  private static final int PARENT_IS_REMOTE = 0x200;

  /** A field's beginning, a length, and a number: no more than that is written without a look. */
  private static final int ROOM = 32;

  private static final int LARGEST_KEPT = 1 << 16;

  /** Attributes that may be met again: so many, and with texts no longer than that. */
  private static final int REMEMBERED = 128;

  private static final int LONGEST_REMEMBERED = 128;

  private static final byte[] DIGITS = new byte['f' + 1];

  static {
    for (int digit = 0; digit < 16; digit++) {
      DIGITS[Character.forDigit(digit, 16)] = (byte) digit;
    }
  }

  // Most texts are the same object in each span. From the second time on they are not encoded.
  private final AttributeKey<?>[] keys = new AttributeKey<?>[REMEMBERED];
  private final String[] texts = new String[REMEMBERED];
  private final byte[][] encoded = new byte[REMEMBERED][];

  private byte[] buffer = new byte[1024];
  private int at;
  private int attributesField;
  private boolean known;

  /**
   * Returns a field of the message {@code ScopeSpans}, or null if an attribute's type is not known
   * here (maps and the like, which are for log records first).
   */
  byte @Nullable [] encode(SpanData span) {
    at = 0;
    known = true;
    int message = begin(SPANS);
    span(span);
    end(message);
    byte[] field = known ? Arrays.copyOf(buffer, at) : null;
    if (buffer.length > LARGEST_KEPT) {
      buffer = new byte[1024];
    }
    return field;
  }

  private void span(SpanData span) {
    SpanContext context = span.getSpanContext();
    SpanContext parent = span.getParentSpanContext();
    id(TRACE_ID, context.getTraceId());
    id(SPAN_ID, context.getSpanId());
    text(TRACE_STATE, encodeTraceState(context.getTraceState()));
    if (parent.isValid()) {
      id(PARENT_SPAN_ID, parent.getSpanId());
    }
    text(NAME, span.getName());
    number(KIND, number(span.getKind()));
    fixed64(START, span.getStartEpochNanos());
    fixed64(END, span.getEndEpochNanos());
    Attributes attributes = span.getAttributes();
    attributes(ATTRIBUTES, attributes);
    number(DROPPED_ATTRIBUTES, span.getTotalAttributeCount() - attributes.size());
    List<EventData> events = span.getEvents();
    for (EventData event : events) {
      event(event);
    }
    number(DROPPED_EVENTS, span.getTotalRecordedEvents() - events.size());
    List<LinkData> links = span.getLinks();
    for (LinkData link : links) {
      link(link);
    }
    number(DROPPED_LINKS, span.getTotalRecordedLinks() - links.size());
    status(span.getStatus());
    fixed32(FLAGS, flags(context, parent.isRemote()));
  }

  private void event(EventData event) {
    int message = begin(EVENTS);
    fixed64(EVENT_TIME, event.getEpochNanos());
    text(EVENT_NAME, event.getName());
    attributes(EVENT_ATTRIBUTES, event.getAttributes());
    number(EVENT_DROPPED_ATTRIBUTES, event.getDroppedAttributesCount());
    end(message);
  }

  private void link(LinkData link) {
    int message = begin(LINKS);
    SpanContext context = link.getSpanContext();
    id(TRACE_ID, context.getTraceId());
    id(SPAN_ID, context.getSpanId());
    text(TRACE_STATE, encodeTraceState(context.getTraceState()));
    attributes(LINK_ATTRIBUTES, link.getAttributes());
    number(LINK_DROPPED_ATTRIBUTES, link.getTotalAttributeCount() - link.getAttributes().size());
    fixed32(LINK_FLAGS, flags(context, context.isRemote()));
    end(message);
  }

  private void status(StatusData status) {
    int message = begin(STATUS);
    text(STATUS_DESCRIPTION, status.getDescription());
    number(STATUS_CODE, number(status.getStatusCode()));
    end(message);
  }

  private static int flags(SpanContext context, boolean remote) {
    return (context.getTraceFlags().asByte() & 0xff)
        | PARENT_IS_KNOWN_TO_BE_REMOTE_OR_NOT
        | (remote ? PARENT_IS_REMOTE : 0);
  }

  private static int number(SpanKind kind) {
    switch (kind) {
      case INTERNAL:
        return 1;
      case SERVER:
        return 2;
      case CLIENT:
        return 3;
      case PRODUCER:
        return 4;
      case CONSUMER:
        return 5;
    }
    return 0;
  }

  private static int number(StatusCode code) {
    switch (code) {
      case UNSET:
        return 0;
      case OK:
        return 1;
      case ERROR:
        return 2;
    }
    return 0;
  }

  private void attributes(int field, Attributes attributes) {
    attributesField = field;
    attributes.forEach(this);
  }

  /** One attribute, while {@code attributes} goes through them. */
  @Override
  public void accept(AttributeKey<?> key, Object value) {
    if (value instanceof String && attributesField == ATTRIBUTES) {
      repeatedText(key, (String) value);
    } else {
      attribute(key, value);
    }
  }

  @SuppressWarnings("ReferenceEquality") // others that are equal are encoded once more
  private void repeatedText(AttributeKey<?> key, String text) {
    int length = text.length();
    if (length > LONGEST_REMEMBERED) {
      attribute(key, text);
      return;
    }
    int place = (key.hashCode() + 31 * length) & (REMEMBERED - 1);
    if (keys[place] == key && texts[place] == text) {
      byte[] bytes = encoded[place];
      if (bytes != null) {
        makeRoom(bytes.length);
        System.arraycopy(bytes, 0, buffer, at, bytes.length);
        at += bytes.length;
        return;
      }
      int from = at;
      attribute(key, text);
      encoded[place] = Arrays.copyOfRange(buffer, from, at);
    } else {
      attribute(key, text);
      keys[place] = key;
      texts[place] = text;
      encoded[place] = null;
    }
  }

  private void attribute(AttributeKey<?> key, Object value) {
    int attribute = begin(attributesField);
    byte[] name =
        key instanceof InternalAttributeKeyImpl
            ? ((InternalAttributeKeyImpl<?>) key).getKeyUtf8()
            : key.getKey().getBytes(UTF_8);
    if (name.length > 0) {
      bytes(KEY, name);
    }
    int any = begin(VALUE);
    value(value);
    end(any);
    end(attribute);
  }

  private void value(Object value) {
    if (value instanceof String) {
      String text = (String) value;
      if (text.isEmpty()) {
        field(STRING_VALUE, ROOM);
        varint(0);
      } else {
        text(STRING_VALUE, text);
      }
    } else if (value instanceof Long) {
      field(INT_VALUE, ROOM);
      varint((Long) value);
    } else if (value instanceof Boolean) {
      field(BOOL_VALUE, ROOM);
      varint((Boolean) value ? 1 : 0);
    } else if (value instanceof Double) {
      field(DOUBLE_VALUE, ROOM);
      eight(Double.doubleToRawLongBits((Double) value));
    } else if (value instanceof List) {
      int array = begin(ARRAY_VALUE);
      for (Object each : (List<?>) value) {
        int element = begin(ARRAY_ELEMENT);
        value(each);
        end(element);
      }
      end(array);
    } else {
      known = false;
    }
  }

  /** Numbers and texts that are nothing are not written, as with all of proto3. */
  private void number(int field, int number) {
    if (number != 0) {
      field(field, ROOM);
      varint(number & 0xffff_ffffL);
    }
  }

  private void fixed64(int field, long number) {
    if (number != 0) {
      field(field, ROOM);
      eight(number);
    }
  }

  private void fixed32(int field, int number) {
    field(field, ROOM);
    for (int shift = 0; shift < 32; shift += 8) {
      buffer[at++] = (byte) (number >>> shift);
    }
  }

  /** Of digits as the SDK makes and accepts them. */
  @SuppressWarnings("deprecation") // of getBytes: copies what is ASCII at once
  private void id(int field, String id) {
    int digits = id.length();
    field(field, ROOM + digits);
    varint(digits / 2);
    byte[] to = buffer;
    int end = at;
    id.getBytes(0, digits, to, end);
    for (int from = end; from < at + digits; from += 2) {
      to[end++] = (byte) (DIGITS[to[from]] << 4 | DIGITS[to[from + 1]]);
    }
    at = end;
  }

  private void text(int field, String text) {
    int length = text.length();
    if (length == 0) {
      return;
    }
    field(field, ROOM + length);
    int before = at;
    varint(length);
    byte[] to = buffer;
    int end = at;
    for (int i = 0; i < length; i++) {
      char c = text.charAt(i);
      if (c >= 0x80) {
        at = before;
        withLength(text.getBytes(UTF_8));
        return;
      }
      to[end++] = (byte) c;
    }
    at = end;
  }

  private void bytes(int field, byte[] bytes) {
    field(field, ROOM);
    withLength(bytes);
  }

  private void withLength(byte[] bytes) {
    makeRoom(ROOM + bytes.length);
    varint(bytes.length);
    System.arraycopy(bytes, 0, buffer, at, bytes.length);
    at += bytes.length;
  }

  /** Begins a message, and leaves one byte for its length; returns where it begins. */
  private int begin(int field) {
    field(field, ROOM);
    return ++at;
  }

  /** Most messages are shorter than 128 bytes, so their length is one. Others move on. */
  private void end(int message) {
    int length = at - message;
    int more = varintLength(length) - 1;
    if (more > 0) {
      makeRoom(more);
      System.arraycopy(buffer, message, buffer, message + more, length);
    }
    at = message - 1;
    varint(length);
    at += length;
  }

  private void field(int field, int room) {
    makeRoom(room);
    varint(field);
  }

  private void makeRoom(int room) {
    if (buffer.length - at < room) {
      buffer = Arrays.copyOf(buffer, Math.max(2 * buffer.length, at + room));
    }
  }

  private void eight(long number) {
    for (int shift = 0; shift < 64; shift += 8) {
      buffer[at++] = (byte) (number >>> shift);
    }
  }

  private void varint(long number) {
    at = varint(buffer, at, number);
  }

  /** Returns where it ends. */
  static int varint(byte[] to, int from, long number) {
    int end = from;
    long left = number;
    while ((left & ~0x7fL) != 0) {
      to[end++] = (byte) (left | 0x80);
      left >>>= 7;
    }
    to[end++] = (byte) left;
    return end;
  }

  static int varintLength(int number) {
    return (38 - Integer.numberOfLeadingZeros(number | 1)) / 7;
  }
}
