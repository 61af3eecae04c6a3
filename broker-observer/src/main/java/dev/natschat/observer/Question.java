package dev.natschat.observer;

import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * What every server of the system is asked, and what its answer holds it in.
 *
 * @see <a href="https://docs.nats.io/running-a-nats-service/configuration/sys_accounts">system
 *     account</a>
 */
enum Question {
  STATSZ("SERVER.PING.STATSZ", "", "statsz"),
  VARZ("SERVER.PING.VARZ", "", "data"),
  JSZ(
      "SERVER.PING.JSZ",
      "{\"accounts\":true,\"streams\":true,\"consumer\":true,\"config\":true}",
      "data"),
  /** The one connection for which most is waiting. */
  CONNZ("SERVER.PING.CONNZ", "{\"sort\":\"pending\",\"limit\":1}", "data"),
  /** Without this option, a server is silent about accounts that have no connection to it. */
  ACCOUNTS("ACCOUNT.PING.STATZ", "{\"include_unused\":true}", "data");

  final String subject;
  private final String payload;

  /** The field of the answer. */
  final String field;

  Question(String subject, String payload, String field) {
    this.subject = "$SYS.REQ." + subject;
    this.payload = payload;
    this.field = field;
  }

  byte[] payload() {
    return payload.getBytes(UTF_8);
  }
}
