/** Lets the holders of Keycloak tokens into the chat's NATS account: the broker's auth callout. */
package dev.natschat.auth;
