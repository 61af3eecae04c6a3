package dev.natschat.benchmarks;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;

/**
 * What a load needs of NATS' client protocol, on one socket: jnats would take more processor time
 * than the service that is measured.
 */
final class WireClient implements AutoCloseable {
  private static final int BUFFER = 64 * 1024;
  private static final int LONGEST_SILENCE_MILLIS = 30_000;

  private final Socket socket;
  private final InputStream in;
  private final OutputStream out;

  WireClient(String url) throws IOException {
    URI address = URI.create(url);
    socket = new Socket(address.getHost(), address.getPort());
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(LONGEST_SILENCE_MILLIS);
    in = new BufferedInputStream(socket.getInputStream(), BUFFER);
    out = new BufferedOutputStream(socket.getOutputStream(), BUFFER);
    line(); // INFO
    write("CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n");
  }

  void subscribe(String subject) throws IOException {
    write("SUB " + subject + " 1\r\n");
    out.flush();
  }

  /** Buffered until {@link #flush}. */
  synchronized void publish(String subject, String replyTo, String traceparent, String body)
      throws IOException {
    String headers = "NATS/1.0\r\ntraceparent: " + traceparent + "\r\n\r\n";
    byte[] bytes = body.getBytes(UTF_8);
    int total = headers.length() + bytes.length;
    write("HPUB " + subject + " " + replyTo + " " + headers.length() + " " + total + "\r\n");
    write(headers);
    out.write(bytes);
    out.write('\r');
    out.write('\n');
  }

  void flush() throws IOException {
    out.flush();
  }

  /** Whether a message, or a part of one, is here already. */
  boolean hasMore() throws IOException {
    return in.available() > 0;
  }

  /**
   * Where the next message was sent to; waits for it.
   *
   * @throws IOException if it is an error, by its headers or the server's word
   */
  String next() throws IOException {
    while (true) {
      String line = line();
      if (line.startsWith("MSG ") || line.startsWith("HMSG ")) {
        String[] words = line.split(" ", -1);
        int length = Integer.parseInt(words[words.length - 1]);
        int headers = words[0].equals("HMSG") ? Integer.parseInt(words[words.length - 2]) : 0;
        check(new String(in.readNBytes(headers), US_ASCII));
        in.skipNBytes(length - headers + 2L);
        return words[1];
      }
      if (line.equals("PING")) {
        synchronized (this) { // one thread may publish while another reads
          write("PONG\r\n");
          out.flush();
        }
      } else if (line.startsWith("-ERR")) {
        throw new IOException(line);
      }
    }
  }

  private static void check(String headers) throws IOException {
    if (headers.startsWith("NATS/1.0 ") || headers.contains("Nats-Service-Error")) {
      throw new IOException("answered with an error: " + headers);
    }
  }

  private void write(String text) throws IOException {
    out.write(text.getBytes(US_ASCII));
  }

  private String line() throws IOException {
    StringBuilder line = new StringBuilder();
    for (int next = in.read(); next != '\n'; next = in.read()) {
      if (next < 0) {
        throw new EOFException("the server closed the connection");
      }
      if (next != '\r') {
        line.append((char) next);
      }
    }
    return line.toString();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
