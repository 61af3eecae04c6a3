package dev.natschat.service;

import io.nats.client.impl.SocketDataPortWithWriteTimeout;
import java.io.IOException;

/**
 * What the broker sends, without what jnats cannot read: see {@link ReadableBytes}. Public for
 * jnats alone, which makes one for each connection, by Options.dataPortType. For its reader's
 * thread.
 */
public class TolerantPort extends SocketDataPortWithWriteTimeout {
  private final ReadableBytes readable;

  public TolerantPort() {
    this(/* withBodies= */ true);
  }

  TolerantPort(boolean withBodies) {
    readable = new ReadableBytes(withBodies);
  }

  @Override
  public int read(byte[] into, int offset, int length) throws IOException {
    int given = readable.give(into, offset, length);
    while (given == 0) {
      // No more than is asked for: what follows the first line may be TLS.
      int count = super.read(into, offset, length);
      if (count < 0) {
        return count;
      }
      readable.take(into, offset, count);
      given = readable.give(into, offset, length);
    }
    return given;
  }
}
