package dev.natschat.history;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Why a request could not be answered. Thrown out of the handler after the requester has been told,
 * so that the handler's span ends as an error.
 */
final class RequestFailed extends RuntimeException {
  /** The kinds of failure, as the requester and the metric's attribute error.type name them. */
  enum Kind {
    OVERLOADED(503, "history-service is overloaded: try again"),
    DATABASE_UNAVAILABLE(503, "the message database is unavailable: try again"),
    DATABASE_TIMEOUT(504, "the message database did not answer in time: try again"),
    QUERY_FAILED(500, "the message database refused the query"),
    INTERNAL(500, "history-service failed: its log says why");

    private final int code;
    private final String message;

    Kind(int code, String message) {
      this.code = code;
      this.message = message;
    }

    /** The status code of the answer, in HTTP's sense as NATS ADR-32 asks. */
    int code() {
      return code;
    }

    String message() {
      return message;
    }

    String errorType() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final Kind kind;

  RequestFailed(Kind kind, @Nullable Throwable cause) {
    // No stack trace of its own: it is thrown thousands of times a second when load is shed.
    super(kind.message(), cause, false, false);
    this.kind = kind;
  }

  Kind kind() {
    return kind;
  }
}
