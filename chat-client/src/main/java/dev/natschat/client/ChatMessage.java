package dev.natschat.client;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;

/**
 * A message of the chat as it travels.
 *
 * @param timestamp milliseconds since 1970
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record ChatMessage(String user, String text, long timestamp, String room) {}
