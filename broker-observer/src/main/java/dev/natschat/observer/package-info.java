/** Asks NATS servers for their statistics and offers them as metrics. */
package dev.natschat.observer;
