package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.URI;

/** The first lines of NATS' protocol on a socket: hundreds of these cost nothing. */
final class RawClient implements AutoCloseable {
  static final String LET_IN = "PONG";
  static final String REFUSED = "-ERR 'Authorization Violation'";

  private final Socket socket;
  private final BufferedReader reader;

  RawClient(String url) throws IOException {
    URI address = URI.create(url);
    socket = new Socket(address.getHost(), address.getPort());
    socket.setSoTimeout(20_000);
    reader = new BufferedReader(new InputStreamReader(socket.getInputStream(), US_ASCII));
  }

  /** Presents a token and does not wait for the answer. */
  RawClient connect(String token) throws IOException {
    String connect =
        "CONNECT {\"verbose\":false,\"protocol\":1,\"auth_token\":\"%s\"}\r\nPING\r\n"
            .formatted(token);
    socket.getOutputStream().write(connect.getBytes(US_ASCII));
    return this;
  }

  /** {@link #LET_IN} or an error. */
  String answer() throws IOException {
    String line = reader.readLine();
    while (line != null && (line.startsWith("INFO") || line.equals("PING"))) {
      line = reader.readLine();
    }
    return line == null ? "closed" : line;
  }

  void send(String line) throws IOException {
    socket.getOutputStream().write(line.getBytes(US_ASCII));
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
