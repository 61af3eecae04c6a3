package dev.natschat.agent;

import io.nats.client.Connection;
import io.opentelemetry.instrumentation.api.util.VirtualField;
import java.net.URI;
import org.jspecify.annotations.Nullable;

/** Host and port of the server a connection talks to; parsed once per reconnect. */
final class ServerAddress {
  private static final VirtualField<Connection, ServerAddress> field =
      VirtualField.find(Connection.class, ServerAddress.class);

  final String host;
  final long port;
  private final String url;

  private ServerAddress(String url) {
    URI uri = URI.create(url);
    this.url = url;
    this.host = uri.getHost();
    this.port = uri.getPort();
  }

  static @Nullable ServerAddress of(Connection connection) {
    String url = connection.getConnectedUrl();
    if (url == null) {
      return null;
    }
    ServerAddress known = field.get(connection);
    if (known != null && known.url.equals(url)) {
      return known;
    }
    ServerAddress current = new ServerAddress(url);
    field.set(connection, current);
    return current;
  }
}
