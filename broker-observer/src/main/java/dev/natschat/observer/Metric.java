package dev.natschat.observer;

import static dev.natschat.observer.Metric.Kind.COUNTER;
import static dev.natschat.observer.Metric.Kind.GAUGE;

/** What is measured. Names and units are OpenTelemetry's; README.md has the names in Prometheus. */
enum Metric {
  SERVERS(GAUGE, "nats.servers", "{server}", "Servers that answered the last round of questions"),
  ANSWERS_MALFORMED(
      COUNTER, "nats.answers.malformed", "{answer}", "Answers that could not be read"),

  SERVER_UP(GAUGE, "nats.server.up", "{server}", "1: answered; 0: did not, but has lately"),
  SERVER_START_TIME(GAUGE, "nats.server.start.time", "s", "When the server started, since 1970"),
  SERVER_UPTIME(GAUGE, "nats.server.uptime", "s", "How long the server has been running"),
  SERVER_CPU(GAUGE, "nats.server.cpu.utilization", "1", "CPU that the server uses; 1 is one core"),
  SERVER_MEMORY(GAUGE, "nats.server.memory", "By", "Resident memory of the server"),
  SERVER_CONNECTIONS(GAUGE, "nats.server.connections", "{connection}", "Clients connected"),
  SERVER_CONNECTIONS_LIMIT(
      GAUGE, "nats.server.connections.limit", "{connection}", "Clients that may be connected"),
  SERVER_CONNECTIONS_OPENED(
      COUNTER, "nats.server.connections.opened", "{connection}", "Clients that have connected"),
  SERVER_PENDING_MAX(
      GAUGE,
      "nats.server.connection.pending.max",
      "By",
      "What waits to be sent to the client that is furthest behind"),
  SERVER_SUBSCRIPTIONS(GAUGE, "nats.server.subscriptions", "{subscription}", "Subscriptions"),
  SERVER_SLOW_CONSUMERS(
      COUNTER,
      "nats.server.slow_consumers",
      "{consumer}",
      "Connections cut off because they did not read"),
  SERVER_MESSAGES_RECEIVED(
      COUNTER, "nats.server.messages.received", "{message}", "Messages from clients"),
  SERVER_MESSAGES_SENT(COUNTER, "nats.server.messages.sent", "{message}", "Messages to clients"),
  SERVER_BYTES_RECEIVED(COUNTER, "nats.server.bytes.received", "By", "Bytes from clients"),
  SERVER_BYTES_SENT(COUNTER, "nats.server.bytes.sent", "By", "Bytes to clients"),
  SERVER_ROUTES(
      GAUGE, "nats.server.routes", "{connection}", "Connections to servers of the same cluster"),
  SERVER_GATEWAYS(
      GAUGE, "nats.server.gateways", "{connection}", "Connections to servers of other clusters"),
  SERVER_LEAFNODES(
      GAUGE, "nats.server.leafnodes", "{connection}", "Connections to and from leaf nodes"),

  JETSTREAM_STORAGE(
      GAUGE, "nats.server.jetstream.storage", "By", "Size of the server's streams in files"),
  JETSTREAM_STORAGE_LIMIT(
      GAUGE, "nats.server.jetstream.storage.limit", "By", "Size that they may reach together"),
  JETSTREAM_STORAGE_RESERVED(
      GAUGE, "nats.server.jetstream.storage.reserved", "By", "Size promised to streams"),
  JETSTREAM_MEMORY(
      GAUGE, "nats.server.jetstream.memory", "By", "Size of the server's streams in memory"),
  JETSTREAM_MEMORY_LIMIT(
      GAUGE, "nats.server.jetstream.memory.limit", "By", "Size that they may reach together"),
  JETSTREAM_API_REQUESTS(
      COUNTER, "nats.server.jetstream.api.requests", "{request}", "Requests to JetStream's API"),
  JETSTREAM_API_ERRORS(
      COUNTER, "nats.server.jetstream.api.errors", "{error}", "Those answered with an error"),

  ACCOUNT_CONNECTIONS(GAUGE, "nats.account.connections", "{connection}", "Clients connected"),
  ACCOUNT_LEAFNODES(GAUGE, "nats.account.leafnodes", "{connection}", "Leaf nodes connected"),
  ACCOUNT_SUBSCRIPTIONS(GAUGE, "nats.account.subscriptions", "{subscription}", "Subscriptions"),
  ACCOUNT_SLOW_CONSUMERS(
      COUNTER,
      "nats.account.slow_consumers",
      "{consumer}",
      "Connections cut off because they did not read"),
  ACCOUNT_MESSAGES_RECEIVED(
      COUNTER, "nats.account.messages.received", "{message}", "Messages from clients"),
  ACCOUNT_MESSAGES_SENT(COUNTER, "nats.account.messages.sent", "{message}", "Messages to clients"),
  ACCOUNT_BYTES_RECEIVED(COUNTER, "nats.account.bytes.received", "By", "Bytes from clients"),
  ACCOUNT_BYTES_SENT(COUNTER, "nats.account.bytes.sent", "By", "Bytes to clients"),
  ACCOUNT_STORAGE(
      GAUGE, "nats.account.jetstream.storage", "By", "Size of the account's streams in files"),
  ACCOUNT_STORAGE_LIMIT(
      GAUGE, "nats.account.jetstream.storage.limit", "By", "Size that they may reach together"),
  ACCOUNT_MEMORY(
      GAUGE, "nats.account.jetstream.memory", "By", "Size of the account's streams in memory"),
  ACCOUNT_MEMORY_LIMIT(
      GAUGE, "nats.account.jetstream.memory.limit", "By", "Size that they may reach together"),

  STREAM_MESSAGES(GAUGE, "nats.stream.messages", "{message}", "Messages in the stream"),
  STREAM_MESSAGES_LIMIT(
      GAUGE, "nats.stream.messages.limit", "{message}", "Messages that the stream may hold"),
  STREAM_BYTES(GAUGE, "nats.stream.bytes", "By", "Size of the stream"),
  STREAM_BYTES_LIMIT(GAUGE, "nats.stream.bytes.limit", "By", "Size that the stream may reach"),
  STREAM_SEQUENCE_FIRST(
      GAUGE, "nats.stream.sequence.first", "{message}", "Sequence of the oldest message"),
  STREAM_SEQUENCE_LAST(
      GAUGE, "nats.stream.sequence.last", "{message}", "Sequence of the newest message"),
  STREAM_CONSUMERS(GAUGE, "nats.stream.consumers", "{consumer}", "Consumers of the stream"),
  STREAM_LEADERS(
      GAUGE, "nats.stream.leaders", "{server}", "Servers that lead the stream; 0: it is stuck"),

  CONSUMER_PENDING(
      GAUGE, "nats.consumer.pending", "{message}", "Messages not delivered to the consumer yet"),
  CONSUMER_ACK_PENDING(
      GAUGE, "nats.consumer.ack_pending", "{message}", "Messages delivered, but not acknowledged"),
  CONSUMER_ACK_PENDING_LIMIT(
      GAUGE, "nats.consumer.ack_pending.limit", "{message}", "Those at which deliveries stop"),
  CONSUMER_REDELIVERED(
      GAUGE,
      "nats.consumer.redelivered",
      "{message}",
      "Messages delivered more than once, but not acknowledged"),
  CONSUMER_WAITING(
      GAUGE, "nats.consumer.waiting", "{request}", "Pull requests that wait for messages"),
  CONSUMER_DELIVERIES(
      COUNTER, "nats.consumer.deliveries", "{message}", "Deliveries, redeliveries included");

  enum Kind {
    GAUGE,
    COUNTER
  }

  final Kind kind;
  final String instrument;
  final String unit;
  final String description;

  Metric(Kind kind, String instrument, String unit, String description) {
    this.kind = kind;
    this.instrument = instrument;
    this.unit = unit;
    this.description = description;
  }
}
