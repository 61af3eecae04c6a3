package dev.natschat.persist;

/** A row of the table messages. */
record Row(Origin origin, ChatMessage chat) {}
