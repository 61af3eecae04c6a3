/** A chat client for the command line: talks, reads a room's history, makes load, shows a demo. */
package dev.natschat.client;
