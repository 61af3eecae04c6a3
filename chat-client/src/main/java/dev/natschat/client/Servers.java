package dev.natschat.client;

import dev.natschat.client.ChatException.Kind;
import io.nats.client.support.NatsUri;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** Where the system is, as the command line or the environment says. */
final class Servers {
  private static final int MAX_PORT = 65_535;

  @Option(
      names = "--nats-url",
      paramLabel = "URL",
      defaultValue = "${NATS_URL:-nats://localhost:4222}",
      description = "The broker; environment NATS_URL (default: nats://localhost:4222).")
  String natsUrl = "";

  @Option(
      names = "--keycloak-url",
      paramLabel = "URL",
      defaultValue = "${KEYCLOAK_URL:-http://localhost:8080}",
      description = "Environment KEYCLOAK_URL (default: http://localhost:8080).")
  String keycloakUrl = "";

  @Option(
      names = "--realm",
      paramLabel = "NAME",
      defaultValue = "${KEYCLOAK_REALM:-nats-chat}",
      description = "Environment KEYCLOAK_REALM (default: nats-chat).")
  String realm = "";

  @Option(
      names = "--client-id",
      paramLabel = "ID",
      defaultValue = "nats-chat-app",
      description = "Keycloak's client of the chat (default: ${DEFAULT-VALUE}).")
  String clientId = "";

  /** One or several, separated by commas. */
  String natsUrl() {
    if (!Stream.of(natsUrl.split(",", -1)).allMatch(Servers::isNatsUrl)) {
      throw new ChatException(
          Kind.USAGE, "--nats-url is malformed: expected nats://host:port, found " + natsUrl);
    }
    return natsUrl;
  }

  /** By who connects there. */
  private static boolean isNatsUrl(String url) {
    try {
      return new NatsUri(url).getPort() <= MAX_PORT;
    } catch (URISyntaxException e) {
      return false;
    }
  }

  String clientId() {
    return clientId;
  }

  URI tokenEndpoint() {
    try {
      return URI.create(keycloakUrl + "/realms/" + realm + "/protocol/openid-connect/token");
    } catch (IllegalArgumentException e) {
      throw new ChatException(
          Kind.USAGE, "--keycloak-url is malformed: expected http://host:port", e);
    }
  }
}
