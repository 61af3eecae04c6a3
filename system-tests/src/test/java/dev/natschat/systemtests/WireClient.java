package dev.natschat.systemtests;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;

/**
 * A client that is none of ours, by hand after docs.nats.io (client protocol): no agent sees it,
 * and its headers are written exactly as given.
 */
final class WireClient implements AutoCloseable {
  private final Socket socket;
  private final InputStream in;
  private final OutputStream out;

  private WireClient() throws IOException {
    socket = new Socket(Chat.ADDRESSES.nats().getHost(), Chat.ADDRESSES.nats().getPort());
    socket.setSoTimeout(10_000);
    in = new BufferedInputStream(socket.getInputStream());
    out = socket.getOutputStream();
    line(); // INFO
  }

  WireClient(String user) throws Exception {
    this();
    logIn(Chat.token(user));
    expect("PONG");
  }

  /** What the broker answers to whoever logs in with this token: PONG, or why not. */
  static String answerTo(String token) throws IOException {
    try (WireClient client = new WireClient()) {
      client.logIn(token);
      return client.answer();
    }
  }

  /** Sends this where a command should be; the broker hangs up, and logs some of it. */
  static void breakTheProtocol(String user, String with) throws Exception {
    try (WireClient client = new WireClient(user)) {
      client.send(with + "\r\n");
      client.expect("-ERR 'Unknown Protocol Operation'");
    }
  }

  private void logIn(String token) throws IOException {
    send(
        "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"protocol\":1,\"lang\":\"wire\",\"version\":\"0\",\"auth_token\":\""
            + token
            + "\"}\r\nPING\r\n");
  }

  /** Publishes with one header, and returns when the broker has it. */
  void publish(String subject, String header, byte[] body) throws IOException {
    String headers = "NATS/1.0\r\n" + header + "\r\n\r\n";
    send(
        "HPUB %s %d %d\r\n%s"
            .formatted(subject, headers.length(), headers.length() + body.length, headers));
    out.write(body);
    send("\r\nPING\r\n");
    expect("PONG");
  }

  private void send(String text) throws IOException {
    out.write(text.getBytes(UTF_8));
    out.flush();
  }

  private void expect(String start) throws IOException {
    String answer = answer();
    if (!answer.startsWith(start)) {
      throw new IOException("expected " + start + " of the broker, but it said: " + answer);
    }
  }

  /** The next line; the broker may send INFO between any two. */
  private String answer() throws IOException {
    String line = line();
    while (line.startsWith("INFO ")) {
      line = line();
    }
    return line;
  }

  private String line() throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        throw new IOException("the broker hung up; it said: " + line);
      }
      line.append((char) c);
    }
    return line.toString();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
