package dev.natschat.agent;

import io.nats.client.impl.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The headers of one message on its way out, ours alone: they say they are read-only, so that jnats
 * makes no copy of this copy.
 */
final class InjectedHeaders extends Headers {
  InjectedHeaders(@Nullable Headers headers) {
    super(headers);
  }

  @Override
  public boolean isReadOnly() {
    return true;
  }
}
