/** Moves chat messages from JetStream into PostgreSQL. */
@NullMarked
package dev.natschat.persist;

import org.jspecify.annotations.NullMarked;
