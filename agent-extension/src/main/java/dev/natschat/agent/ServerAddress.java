package dev.natschat.agent;

import io.nats.client.Connection;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.instrumentation.api.util.VirtualField;
import java.net.URI;
import org.jspecify.annotations.Nullable;

/** Host and port of the server a connection talks to; parsed once per reconnect. */
final class ServerAddress {
  private static final VirtualField<Connection, ServerAddress> field =
      VirtualField.find(Connection.class, ServerAddress.class);

  final Attributes attributes;
  private final String url;

  ServerAddress(String url) {
    URI uri = URI.create(url);
    this.url = url;
    this.attributes =
        Attributes.builder()
            .put(Semantics.SERVER_ADDRESS, withoutBrackets(uri.getHost()))
            .put(Semantics.SERVER_PORT, (long) uri.getPort())
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
    ServerAddress current = new ServerAddress(url);
    field.set(connection, current);
    return current;
  }

  /** Of the same server, whoever is logged in: the URL has a password in it. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ServerAddress && attributes.equals(((ServerAddress) other).attributes);
  }

  @Override
  public int hashCode() {
    return attributes.hashCode();
  }
}
