package dev.natschat.observer;

/** What is counted of the broker's hops, only where they are on. README.md has the names. */
enum HopMetric {
  EVENTS("nats.hops.events", "{event}", "Trace events of servers that were read"),
  LOST(
      "nats.hops.events.lost",
      "{event}",
      "Trace events that the stream discarded before they were read"),
  REFUSED("nats.hops.events.refused", "{event}", "Trace events that were forged or malformed"),
  DROPPED(
      "nats.hops.traces.dropped", "{trace}", "Messages whose hops were dropped, all of a message"),
  INCOMPLETE(
      "nats.hops.traces.incomplete", "{trace}", "Messages of which a server's event was missing"),
  EXPORTED("nats.hops.spans.exported", "{span}", "Spans that were exported"),
  FAILED("nats.hops.spans.failed", "{span}", "Spans whose export failed");

  final String instrument;
  final String unit;
  final String description;

  HopMetric(String instrument, String unit, String description) {
    this.instrument = instrument;
    this.unit = unit;
    this.description = description;
  }
}
