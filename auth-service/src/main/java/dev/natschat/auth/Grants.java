package dev.natschat.auth;

/**
 * What users may do beyond the chat itself.
 *
 * @param legacyInbox subscribe to {@code _INBOX.>}, for clients that cannot set an inbox prefix
 * @param brokerHops publish to where servers trace messages to: without it they drop a user's
 *     messages whose trace is sampled (nats/hops-on)
 */
record Grants(boolean legacyInbox, boolean brokerHops) {
  static final Grants NONE = new Grants(false, false);
}
