package dev.natschat.service;

/**
 * For a service that reads no bodies: whoever may publish to it chooses their size, and those of
 * messages that wait would fill its heap. Public as {@link TolerantPort} is.
 */
public final class BodilessPort extends TolerantPort {
  public BodilessPort() {
    super(/* withBodies= */ false);
  }
}
