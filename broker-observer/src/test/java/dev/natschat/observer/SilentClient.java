package dev.natschat.observer;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;

/** Subscribes, and then reads no more: a slow consumer (docs.nats.io, client protocol). */
final class SilentClient implements AutoCloseable {
  private final Socket socket;

  SilentClient(String natsUrl, String user, String subject) throws IOException {
    URI uri = URI.create(natsUrl);
    socket = new Socket(uri.getHost(), uri.getPort());
    String hello =
        "CONNECT {\"verbose\":false,\"user\":\"%s\",\"pass\":\"test-only\"}\r\nSUB %s 1\r\nPING\r\n"
            .formatted(user, subject);
    socket.getOutputStream().write(hello.getBytes(US_ASCII));
    awaitPong(socket.getInputStream());
  }

  private static void awaitPong(InputStream in) throws IOException {
    StringBuilder said = new StringBuilder();
    while (said.indexOf("PONG") < 0) {
      said.append((char) in.read());
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
