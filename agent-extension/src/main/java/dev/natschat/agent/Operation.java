package dev.natschat.agent;

import io.opentelemetry.api.trace.SpanKind;

/** What a messaging span does: the verb of its name, and its type in the semantic conventions. */
enum Operation {
  PUBLISH("publish", "send", SpanKind.PRODUCER),
  REQUEST("request", "send", SpanKind.CLIENT),
  GET("get", "receive", SpanKind.CLIENT),
  RECEIVE("receive", "receive", SpanKind.CLIENT),
  PROCESS("process", "process", SpanKind.CONSUMER),

  /** Of many messages: each of them has its own span and is measured. */
  BATCH("process", "process", SpanKind.CONSUMER),
  ANSWER("process", "process", SpanKind.SERVER),
  SETTLE("settle", "settle", SpanKind.CLIENT);

  final String verb;
  final String type;
  final SpanKind kind;

  Operation(String verb, String type, SpanKind kind) {
    this.verb = verb;
    this.type = type;
    this.kind = kind;
  }
}
