package dev.natschat.auth;

/**
 * Why a client is not let in. The reason goes to our log and, as the callout's error, to the
 * broker's; it holds nothing of the token. The client only sees "Authorization Violation".
 */
final class Refusal extends Exception {
  enum Kind {
    /** The token is not good. */
    REJECTED,
    /** As far as we know: Keycloak may have a new key. */
    UNKNOWN_KEY,
    /** Nobody could decide. */
    ERROR
  }

  private final Kind kind;
  private final String reason;

  Refusal(Kind kind, String reason) {
    super(
        reason, null, false, false); // no stack: this is an answer, and attackers can ask for many
    this.kind = kind;
    this.reason = reason;
  }

  Kind kind() {
    return kind;
  }

  String reason() {
    return reason;
  }
}
