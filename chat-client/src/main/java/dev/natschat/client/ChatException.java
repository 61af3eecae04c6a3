package dev.natschat.client;

/** What went wrong, in words for the person at the terminal, and the program's exit code. */
final class ChatException extends RuntimeException {
  /** Codes of sysexits.h, where it has one that fits. */
  enum Kind {
    FAILED(1),
    USAGE(64),
    UNAVAILABLE(69),
    REFUSED(77);

    private final int exitCode;

    Kind(int exitCode) {
      this.exitCode = exitCode;
    }

    int exitCode() {
      return exitCode;
    }
  }

  private final Kind kind;

  ChatException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  ChatException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  Kind kind() {
    return kind;
  }
}
