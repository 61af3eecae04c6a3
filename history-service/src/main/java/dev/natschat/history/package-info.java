/** Answers requests for a room's last messages from PostgreSQL. */
package dev.natschat.history;
