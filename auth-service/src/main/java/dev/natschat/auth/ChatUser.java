package dev.natschat.auth;

import java.time.Instant;

/** Who a valid token speaks for, and until when. */
record ChatUser(String name, boolean isAdmin, boolean isUser, Instant tokenExpires) {}
