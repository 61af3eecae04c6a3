package dev.natschat.auth;

import dev.natschat.auth.Metrics.Result;
import java.util.Locale;

/**
 * Why a client is not let in. The reason goes to our log and, as the callout's error, to the
 * broker's; it holds nothing of the token. The client only sees "Authorization Violation".
 */
final class Refusal extends Exception {
  enum Reason {
    NO_TOKEN("no auth_token"),
    NOT_A_JWT("not a signed JWT"),
    WRONG_ALGORITHM("not signed with RS256"),
    NO_KEY("names no key"),
    /** As far as we know: Keycloak may have a new key. */
    UNKNOWN_KEY("signed with an unknown key"),
    WRONG_SIGNATURE("wrong signature"),
    WRONG_TYPE("not an access token"),
    WRONG_ISSUER("of another issuer"),
    WRONG_CLIENT("for another client"),
    EXPIRED("expired"),
    NOT_YET_VALID("not yet valid"),
    NO_NAME("without a name"),
    NOT_A_CHAT_CLIENT("not a chat client"),
    /** The broker has turned the client away already. */
    TOO_LATE("too late for an answer"),
    TOO_MANY("too many connect at once"),
    /** Unread, as too many of them waited already; only ever counted. */
    DROPPED("dropped"),
    TOO_MANY_UNKNOWN_KEYS("too many with unknown keys"),
    UNREADABLE("cannot read a request of the broker"),
    INTERNAL("internal error");

    private final String text;

    Reason(String text) {
      this.text = text;
    }

    String text() {
      return text;
    }

    /** Whether the token is not good, or nobody could decide. */
    Result result() {
      return compareTo(TOO_LATE) < 0 ? Result.REJECTED : Result.ERROR;
    }

    /** As attributes name it. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final Reason reason;

  Refusal(Reason reason) {
    // No stack: this is an answer, and attackers can ask for many.
    super(reason.text(), null, false, false);
    this.reason = reason;
  }

  Reason reason() {
    return reason;
  }
}
