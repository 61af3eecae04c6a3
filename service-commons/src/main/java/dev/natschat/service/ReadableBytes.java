package dev.natschat.service;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.nats.client.support.IncomingHeadersProcessor;
import java.io.ByteArrayOutputStream;

/**
 * What the broker sends, without what jnats cannot read. Publishers choose subjects and headers,
 * and nats-server passes on what they chose. At headers that are none, or a carriage return in a
 * subject, jnats stops reading, and at a long subject, which the broker's own message of a trace
 * can have, up to a megabyte; where the message waits in a stream, it does so again whenever the
 * message is delivered. Such headers are left out, such subjects have question marks or are cut.
 * For one thread.
 *
 * @see <a href="https://docs.nats.io/reference/reference-protocols/nats-protocol">the protocol</a>
 */
final class ReadableBytes {
  private static final byte[] MSG = "MSG ".getBytes(US_ASCII);
  private static final byte[] HMSG = "HMSG ".getBytes(US_ASCII);
  private static final byte[] VERSION = "NATS/1.0\r\n".getBytes(US_ASCII);
  private static final byte[] END = "\r\n".getBytes(US_ASCII);

  /** As long as the broker takes one from a client: max_control_line in nats.conf. */
  private static final int MAX_SUBJECT = 16 * 1024;

  /** Of who reads no bodies: more than a trace context needs. */
  private static final int MAX_HEADERS_ALONE = 16 * 1024;

  private final boolean withBodies;
  private final Bytes readable = new Bytes();
  private final Bytes line = new Bytes();
  private final Bytes headers = new Bytes();

  /** Bytes of the message's headers, and of its body, that are still to come. */
  private int ofHeaders;

  private int ofBody;

  /** Bytes of a body that nobody reads. */
  private int leftOut;

  /**
   * @param withBodies else messages have none, and headers of {@value #MAX_HEADERS_ALONE} bytes at
   *     most
   */
  ReadableBytes(boolean withBodies) {
    this.withBodies = withBodies;
  }

  /** Of what the broker sends, the next bytes. */
  void take(byte[] bytes, int offset, int count) {
    int to = offset + count;
    int at = offset;
    while (at < to) {
      if (ofHeaders > 0) {
        int some = Math.min(ofHeaders, to - at);
        headers.write(bytes, at, some);
        at += some;
        ofHeaders -= some;
        if (ofHeaders == 0) {
          headersEnd();
        }
      } else if (leftOut > 0) {
        int some = Math.min(leftOut, to - at);
        at += some;
        leftOut -= some;
      } else if (ofBody > 0) {
        int some = Math.min(ofBody, to - at);
        readable.write(bytes, at, some);
        at += some;
        ofBody -= some;
      } else {
        int end = at;
        while (end < to && bytes[end] != '\n') {
          end++;
        }
        boolean whole = end < to;
        end += whole ? 1 : 0;
        line.write(bytes, at, end - at);
        at = end;
        if (whole) {
          lineEnd();
        }
      }
    }
  }

  /** How many can be read now, and are put there. */
  int give(byte[] into, int offset, int length) {
    return readable.give(into, offset, length);
  }

  private void lineEnd() {
    boolean withHeaders = line.startsWith(HMSG);
    if (!withHeaders && !line.startsWith(MSG)) {
      line.moveTo(readable);
      return;
    }
    line.replaceCarriageReturns();
    line.cutToken(withHeaders ? HMSG.length : MSG.length, MAX_SUBJECT);
    int sizes = line.lastToken(line.size() - END.length);
    ofBody = line.number(sizes) + END.length;
    if (withHeaders) {
      ofHeaders = line.number(line.lastToken(sizes - 1));
      ofBody -= ofHeaders;
    }
    if (!withBodies) {
      leftOut = ofBody - END.length;
      ofBody = END.length;
      line.replaceEnd(sizes, ofHeaders);
    }
    if (!withHeaders) {
      line.moveTo(readable);
    }
  }

  private void headersEnd() {
    boolean few = withBodies || headers.size() <= MAX_HEADERS_ALONE;
    if (few && (headers.areUsual() || areReadable(headers.toByteArray()))) {
      line.moveTo(readable);
      headers.moveTo(readable);
      return;
    }
    int sizes = line.lastToken(line.lastToken(line.size() - END.length) - 1);
    readable.writeBytes(MSG);
    readable.write(line.array(), HMSG.length, sizes - HMSG.length);
    readable.writeNumber(ofBody - END.length);
    line.reset();
    headers.reset();
  }

  /** By who reads them. */
  private static boolean areReadable(byte[] headers) {
    try {
      return new IncomingHeadersProcessor(headers).getSerializedLength() == headers.length;
    } catch (RuntimeException unreadable) {
      return false;
    }
  }

  private static final class Bytes extends ByteArrayOutputStream {
    private int given;

    byte[] array() {
      return buf;
    }

    boolean startsWith(byte[] beginning) {
      return has(beginning, 0);
    }

    private boolean has(byte[] expected, int at) {
      if (at + expected.length > count) {
        return false;
      }
      for (int i = 0; i < expected.length; i++) {
        if (buf[at + i] != expected[i]) {
          return false;
        }
      }
      return true;
    }

    /** Names and values as almost everybody sends them: nobody need parse them to know. */
    boolean areUsual() {
      if (!startsWith(VERSION)) {
        return false;
      }
      int at = VERSION.length;
      while (at < count && buf[at] != '\r') {
        int name = at;
        while (at < count && isOfName(buf[at])) {
          at++;
        }
        if (at == name || at + 2 >= count || buf[at] != ':' || buf[at + 1] != ' ') {
          return false;
        }
        at += 2;
        int value = at;
        while (at < count && buf[at] > ' ' && buf[at] <= '~') {
          at++;
        }
        if (at == value || !has(END, at)) {
          return false;
        }
        at += END.length;
      }
      return at + END.length == count && has(END, at);
    }

    private static boolean isOfName(byte b) {
      return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '-';
    }

    void moveTo(Bytes other) {
      other.write(buf, 0, count);
      reset();
    }

    int give(byte[] into, int offset, int length) {
      int some = Math.min(length, count - given);
      System.arraycopy(buf, given, into, offset, some);
      given += some;
      if (given == count) {
        reset();
        given = 0;
      }
      return some;
    }

    /** All but the one that ends the line. */
    void replaceCarriageReturns() {
      for (int i = 0; i < count - END.length; i++) {
        if (buf[i] == '\r') {
          buf[i] = '?';
        }
      }
    }

    /** The one that begins there, to that length. */
    void cutToken(int begin, int length) {
      if (count <= begin + length) {
        return;
      }
      int end = begin;
      while (end < count && buf[end] != ' ') {
        end++;
      }
      int tooMany = end - begin - length;
      if (tooMany > 0) {
        System.arraycopy(buf, end, buf, end - tooMany, count - end);
        count -= tooMany;
      }
    }

    /** Of a line, by a number. */
    void replaceEnd(int begin, int number) {
      count = begin;
      writeNumber(number);
    }

    /** That ends a line. */
    void writeNumber(int number) {
      writeBytes(Integer.toString(number).getBytes(US_ASCII));
      writeBytes(END);
    }

    /** Where the token begins that ends there. */
    int lastToken(int end) {
      int begin = end;
      while (begin > 0 && buf[begin - 1] != ' ') {
        begin--;
      }
      return begin;
    }

    int number(int begin) {
      int number = 0;
      for (int i = begin; i < count && buf[i] >= '0' && buf[i] <= '9'; i++) {
        number = 10 * number + buf[i] - '0';
      }
      return number;
    }
  }
}
