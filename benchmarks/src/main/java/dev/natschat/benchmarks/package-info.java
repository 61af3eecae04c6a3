/**
 * What the services cost and how fast they are, beside the physical limit measured in the same run.
 */
@NullMarked
package dev.natschat.benchmarks;

import org.jspecify.annotations.NullMarked;
