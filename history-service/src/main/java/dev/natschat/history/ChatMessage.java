package dev.natschat.history;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;

/**
 * A stored message as clients read it.
 *
 * @param timestamp when it was sent, in milliseconds since 1970
 */
@JsonPropertyOrder({"user", "text", "timestamp", "room"})
record ChatMessage(String user, String text, long timestamp, String room) {}
