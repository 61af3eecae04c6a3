package dev.natschat.history;

/**
 * A stored message as clients read it.
 *
 * @param timestamp when it was sent, in milliseconds since 1970
 */
record ChatMessage(String user, String text, long timestamp, String room) {}
