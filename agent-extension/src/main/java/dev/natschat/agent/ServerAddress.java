package dev.natschat.agent;

import io.nats.client.Connection;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.instrumentation.api.util.VirtualField;
import java.net.URI;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/** Host and port of the server a connection talks to; parsed once per reconnect. */
final class ServerAddress {
  private static final VirtualField<Connection, ServerAddress> field =
      VirtualField.find(Connection.class, ServerAddress.class);

  private static final int MOST_SHARED = 1000;
  private static final ConcurrentMap<String, ServerAddress> shared = new ConcurrentHashMap<>();

  final String host;
  final long port;
  final Attributes attributes;
  private final String url;

  private ServerAddress(String url) {
    URI uri = URI.create(url);
    this.url = url;
    this.host = withoutBrackets(uri.getHost());
    this.port = uri.getPort();
    this.attributes =
        Attributes.builder()
            .put(Semantics.SERVER_ADDRESS, host)
            .put(Semantics.SERVER_PORT, port)
            .build();
  }

  /** A URI has an IPv6 address in brackets, an attribute has not. */
  private static String withoutBrackets(String host) {
    return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
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
    ServerAddress current = ofUrl(url);
    field.set(connection, current);
    return current;
  }

  /** One object for all connections to a server. */
  private static ServerAddress ofUrl(String url) {
    ServerAddress known = shared.get(url);
    if (known != null) {
      return known;
    }
    ServerAddress made = new ServerAddress(url);
    if (shared.size() < MOST_SHARED) {
      shared.put(url, made);
    }
    return made;
  }
}
