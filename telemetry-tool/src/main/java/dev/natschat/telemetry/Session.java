package dev.natschat.telemetry;

import java.io.PrintStream;
import java.util.Map;

/** What a command works with: where the servers are, and where its output goes. */
record Session(
    Addresses addresses, String realm, Terminal terminal, PrintStream out, PrintStream err) {
  static Session from(Map<String, String> environment) {
    return new Session(
        Addresses.from(environment),
        environment.getOrDefault("KEYCLOAK_REALM", "nats-chat"),
        Terminal.from(environment),
        Terminal.out(),
        System.err);
  }
}
