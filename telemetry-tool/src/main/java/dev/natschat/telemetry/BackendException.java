package dev.natschat.telemetry;

import org.jspecify.annotations.Nullable;

/**
 * A telemetry back end did not answer, or answered with an error. The message is for people: what
 * was asked, what came, what to do.
 */
public final class BackendException extends RuntimeException {
  BackendException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
