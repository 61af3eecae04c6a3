package dev.natschat.telemetry;

import java.net.URI;
import java.util.Map;
import java.util.Optional;

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
    URI natsMonitor,
    URI keycloak,
    URI postgres,
    URI grafana) {

  /**
   * Each by its address ({@code TEMPO_URL}, {@code ZIPKIN_URL}, {@code LOKI_URL}, {@code
   * PROMETHEUS_URL}, {@code COLLECTOR_HEALTH_URL}, {@code NATS_URL}, {@code NATS_MONITOR_URL},
   * {@code KEYCLOAK_URL}, {@code POSTGRES_URL}, {@code GRAFANA_URL}), else on this machine at its
   * port ({@code TEMPO_PORT} and so on, as .env has them), else at the default port.
   *
   * @throws IllegalArgumentException when one is not an absolute address with a host
   */
  public static Addresses from(Map<String, String> environment) {
    return new Addresses(
        address(environment, "TEMPO", "http", "3200"),
        address(environment, "ZIPKIN", "http", "9411"),
        address(environment, "LOKI", "http", "3100"),
        address(environment, "PROMETHEUS", "http", "9090"),
        address(environment, "COLLECTOR_HEALTH", "http", "13133"),
        address(environment, "NATS", "nats", "4222"),
        address(environment, "NATS_MONITOR", "http", "8222"),
        address(environment, "KEYCLOAK", "http", "8080"),
        address(environment, "POSTGRES", "postgresql", "5432"),
        address(environment, "GRAFANA", "http", "3001"));
  }

  private static URI address(
      Map<String, String> environment, String server, String scheme, String port) {
    String byDefault =
        scheme + "://127.0.0.1:" + nonEmpty(environment, server + "_PORT").orElse(port);
    String text = nonEmpty(environment, server + "_URL").orElse(byDefault);
    String first = text.split(",", 2)[0].strip();
    URI uri = URI.create(first.endsWith("/") ? first.substring(0, first.length() - 1) : first);
    if (uri.getScheme() == null || uri.getHost() == null) {
      throw new IllegalArgumentException(
          "%s_URL is \"%s\": expected an address like %s".formatted(server, text, byDefault));
    }
    return uri;
  }

  private static Optional<String> nonEmpty(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name))
        .map(String::strip)
        .filter(text -> !text.isEmpty());
  }
}
