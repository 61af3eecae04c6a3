package dev.natschat.telemetry;

import java.io.PrintStream;
import java.util.Map;

/**
 * What a command works with: where the servers are, and where its output goes.
 *
 * @param grafanaExpected whether a Grafana that does not answer is down, and not just none
 */
record Session(
    Addresses addresses,
    String realm,
    boolean grafanaExpected,
    Terminal terminal,
    PrintStream out,
    PrintStream err) {
  static Session from(Map<String, String> environment) {
    return new Session(
        Addresses.from(environment),
        environment.getOrDefault("KEYCLOAK_REALM", "nats-chat"),
        environment.getOrDefault("GRAFANA_EXPECTED", "").equals("true"),
        Terminal.from(environment),
        Terminal.out(),
        System.err);
  }
}
