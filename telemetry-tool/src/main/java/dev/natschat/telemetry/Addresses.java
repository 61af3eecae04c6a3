package dev.natschat.telemetry;

import java.net.URI;
import java.util.Map;

/**
 * Where the system's parts are: from the environment, else the default ports on this machine.
 *
 * <p>{@code NATS_URL} takes its first server when it is a list.
 */
public record Addresses(
    URI tempo,
    URI zipkin,
    URI loki,
    URI prometheus,
    URI collectorHealth,
    URI nats,
    URI keycloak,
    URI grafana) {

  /**
   * Reads {@code TEMPO_URL}, {@code ZIPKIN_URL}, {@code LOKI_URL}, {@code PROMETHEUS_URL}, {@code
   * COLLECTOR_HEALTH_URL}, {@code NATS_URL}, {@code KEYCLOAK_URL} and {@code GRAFANA_URL}.
   *
   * @throws IllegalArgumentException when one is not an absolute address with a host
   */
  public static Addresses from(Map<String, String> environment) {
    return new Addresses(
        address(environment, "TEMPO_URL", "http://127.0.0.1:3200"),
        address(environment, "ZIPKIN_URL", "http://127.0.0.1:9411"),
        address(environment, "LOKI_URL", "http://127.0.0.1:3100"),
        address(environment, "PROMETHEUS_URL", "http://127.0.0.1:9090"),
        address(environment, "COLLECTOR_HEALTH_URL", "http://127.0.0.1:13133"),
        address(environment, "NATS_URL", "nats://127.0.0.1:4222"),
        address(environment, "KEYCLOAK_URL", "http://127.0.0.1:8080"),
        address(environment, "GRAFANA_URL", "http://127.0.0.1:3001"));
  }

  private static URI address(Map<String, String> environment, String name, String otherwise) {
    String text = environment.getOrDefault(name, "").strip();
    if (text.isEmpty()) {
      return URI.create(otherwise);
    }
    String first = text.split(",", 2)[0].strip();
    URI uri = URI.create(first.endsWith("/") ? first.substring(0, first.length() - 1) : first);
    if (uri.getScheme() == null || uri.getHost() == null) {
      throw new IllegalArgumentException(
          "%s is \"%s\": expected an address like %s".formatted(name, text, otherwise));
    }
    return uri;
  }
}
