/** Kills and stalls everything that persist-worker depends on, then counts the rows. */
@NullMarked
package dev.natschat.chaos;

import org.jspecify.annotations.NullMarked;
