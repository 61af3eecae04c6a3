package dev.natschat.benchmarks;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.EOFException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;

/**
 * Clients that connect with a token each, so many at once, and leave when they are let in or
 * refused. One thread for all of them.
 */
final class Storm {
  private static final Duration LONGEST_SILENCE = Duration.ofSeconds(30);

  /** What became of it. */
  record Outcome(int admitted, int refused, double seconds, Latencies latencies, long cpuNanos) {
    int all() {
      return admitted + refused;
    }
  }

  private final InetSocketAddress server;
  private final List<String> tokens;
  private final Latencies latencies = new Latencies();
  private final ByteBuffer buffer = ByteBuffer.allocate(16 * 1024);
  private int started;
  private int admitted;
  private int refused;

  private Storm(String url, List<String> tokens) {
    URI address = URI.create(url);
    this.server = new InetSocketAddress(address.getHost(), address.getPort());
    this.tokens = tokens;
  }

  /** From the TCP connection to PONG or -ERR, one client for each token. */
  static Outcome of(String url, List<String> tokens, int atOnce) throws IOException {
    return new Storm(url, tokens).run(atOnce);
  }

  private Outcome run(int atOnce) throws IOException {
    long cpu = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    long start = System.nanoTime();
    try (Selector selector = Selector.open()) {
      while (started < Math.min(atOnce, tokens.size())) {
        open(selector);
      }
      while (admitted + refused < tokens.size()) {
        if (selector.select(LONGEST_SILENCE.toMillis()) == 0) {
          throw new IOException("no answer to " + (started - admitted - refused) + " clients");
        }
        for (SelectionKey key : selector.selectedKeys()) {
          read(key);
          if (!key.channel().isOpen() && started < tokens.size()) {
            open(selector);
          }
        }
        selector.selectedKeys().clear();
      }
    }
    return new Outcome(
        admitted,
        refused,
        (System.nanoTime() - start) / 1e9,
        latencies,
        ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - cpu);
  }

  private void open(Selector selector) throws IOException {
    Client client = new Client(tokens.get(started++), System.nanoTime());
    SocketChannel channel = SocketChannel.open(server);
    channel.configureBlocking(false);
    channel.register(selector, SelectionKey.OP_READ, client);
  }

  private void read(SelectionKey key) throws IOException {
    Client client = (Client) key.attachment();
    SocketChannel channel = (SocketChannel) key.channel();
    buffer.clear();
    if (channel.read(buffer) < 0) {
      throw new EOFException("closed without an answer");
    }
    client.received.append(new String(buffer.array(), 0, buffer.position(), US_ASCII));
    String received = client.received.toString();
    if (!client.connected && received.endsWith("\r\n")) { // INFO
      client.connected = true;
      channel.write(
          ByteBuffer.wrap(
              ("CONNECT {\"verbose\":false,\"protocol\":1,\"lang\":\"bench\",\"auth_token\":\""
                      + client.token
                      + "\"}\r\nPING\r\n")
                  .getBytes(US_ASCII)));
    } else if (received.contains("PONG\r\n")) {
      admitted++;
      end(channel, client);
    } else if (received.contains("-ERR")) {
      refused++;
      end(channel, client);
    }
  }

  private void end(SocketChannel channel, Client client) throws IOException {
    latencies.add(System.nanoTime() - client.start);
    channel.close();
  }

  private static final class Client {
    private final String token;
    private final long start;
    private final StringBuilder received = new StringBuilder();
    private boolean connected;

    Client(String token, long start) {
      this.token = token;
      this.start = start;
    }
  }
}
