/** What each service does alike around its work: its settings, its health, its log's bounds. */
package dev.natschat.service;
