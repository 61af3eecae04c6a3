/**
 * The OpenTelemetry Java agent extension for jnats. {@link
 * dev.natschat.agent.JnatsInstrumentationModule} names the hooks; each hook calls one static method
 * of a plain class, which holds the thinking.
 */
package dev.natschat.agent;
