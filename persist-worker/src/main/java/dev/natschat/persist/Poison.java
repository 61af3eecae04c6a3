package dev.natschat.persist;

import java.util.Locale;

/** Why a message can never become a row, however often it is tried. */
final class Poison extends Exception {
  enum Reason {
    NOT_A_JSON_OBJECT,
    INVALID_USER,
    INVALID_TEXT,
    INVALID_TIMESTAMP,
    NUL_CHARACTER,
    TOO_LONG,
    RESERVED_SUBJECT,
    REFUSED_BY_DATABASE;

    /** As the attribute error.type has it. */
    String errorType() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final Reason reason;

  Poison(Reason reason, String message) {
    super(message, null, false, false); // anybody may send as many as they like: no stack trace
    this.reason = reason;
  }

  Reason reason() {
    return reason;
  }
}
