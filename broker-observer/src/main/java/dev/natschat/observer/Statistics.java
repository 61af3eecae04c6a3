package dev.natschat.observer;

import com.fasterxml.jackson.databind.JsonNode;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;

/**
 * Reads what is measured out of the servers' answers. What an answer lacks is left out; the fields
 * are those of nats-server's monitor.go and events.go. For one thread.
 */
final class Statistics {
  static final AttributeKey<String> SERVER = AttributeKey.stringKey("server");
  static final AttributeKey<String> CLUSTER = AttributeKey.stringKey("cluster");
  static final AttributeKey<String> ACCOUNT = AttributeKey.stringKey("account");
  static final AttributeKey<String> STREAM = AttributeKey.stringKey("stream");
  static final AttributeKey<String> CONSUMER = AttributeKey.stringKey("consumer");

  /** Consumers without a durable name have random ones. */
  static final String EPHEMERAL = "(ephemeral)";

  private final Counters counters;

  Statistics(Counters counters) {
    this.counters = counters;
  }

  static Attributes server(Answer answer) {
    return Attributes.of(SERVER, answer.server(), CLUSTER, answer.cluster());
  }

  void read(Answer answer, Measurements into) {
    switch (answer.question()) {
      case STATSZ -> readGateways(answer, into);
      case VARZ -> readServer(answer, into);
      case JSZ -> readJetStream(answer, into);
      case CONNZ -> readConnections(answer, into);
      case ACCOUNTS -> readAccounts(answer, into);
    }
  }

  private static void readGateways(Answer answer, Measurements into) {
    into.put(Metric.SERVER_GATEWAYS, server(answer), answer.data().path("gateways").size());
  }

  private void readServer(Answer answer, Measurements into) {
    JsonNode data = answer.data();
    Reading server = new Reading(into, server(answer), answer.id());
    double start = epochSeconds(data.path("start"));
    server.gauge(Metric.SERVER_START_TIME, start);
    server.gauge(Metric.SERVER_UPTIME, epochSeconds(data.path("now")) - start);
    server.gauge(Metric.SERVER_CPU, number(data.path("cpu")) / 100);
    server.gauge(Metric.SERVER_MEMORY, data.path("mem"));
    server.gauge(Metric.SERVER_CONNECTIONS, data.path("connections"));
    server.limit(Metric.SERVER_CONNECTIONS_LIMIT, data.path("max_connections"));
    server.count(Metric.SERVER_CONNECTIONS_OPENED, data.path("total_connections"));
    server.gauge(Metric.SERVER_SUBSCRIPTIONS, data.path("subscriptions"));
    server.count(Metric.SERVER_SLOW_CONSUMERS, data.path("slow_consumers"));
    server.count(Metric.SERVER_MESSAGES_RECEIVED, data.path("in_client_msgs"));
    server.count(Metric.SERVER_MESSAGES_SENT, data.path("out_client_msgs"));
    server.count(Metric.SERVER_BYTES_RECEIVED, data.path("in_client_bytes"));
    server.count(Metric.SERVER_BYTES_SENT, data.path("out_client_bytes"));
    server.gauge(Metric.SERVER_ROUTES, data.path("routes"));
    server.gauge(Metric.SERVER_LEAFNODES, data.path("leafnodes"));
  }

  private static void readConnections(Answer answer, Measurements into) {
    JsonNode pending = answer.data().path("connections").path(0).path("pending_bytes");
    into.put(Metric.SERVER_PENDING_MAX, server(answer), pending.asDouble(0));
  }

  private void readJetStream(Answer answer, Measurements into) {
    JsonNode data = answer.data();
    if (data.path("disabled").asBoolean()) {
      return;
    }
    Reading server = new Reading(into, server(answer), answer.id());
    server.gauge(Metric.JETSTREAM_STORAGE, data.path("storage"));
    server.limit(Metric.JETSTREAM_STORAGE_LIMIT, data.path("config").path("max_storage"));
    server.gauge(Metric.JETSTREAM_STORAGE_RESERVED, data.path("reserved_storage"));
    server.gauge(Metric.JETSTREAM_MEMORY, data.path("memory"));
    server.limit(Metric.JETSTREAM_MEMORY_LIMIT, data.path("config").path("max_memory"));
    server.count(Metric.JETSTREAM_API_REQUESTS, data.path("api").path("total"));
    server.count(Metric.JETSTREAM_API_ERRORS, data.path("api").path("errors"));
    for (JsonNode account : data.path("account_details")) {
      readStreams(answer, account, into);
    }
  }

  private void readStreams(Answer answer, JsonNode account, Measurements into) {
    Attributes of =
        Attributes.of(CLUSTER, answer.cluster(), ACCOUNT, account.path("name").asText());
    // Every server knows the whole cluster's figures; one that lags behind knows less.
    Reading total = new Reading(into, of, answer.id());
    total.max(Metric.ACCOUNT_STORAGE, account.path("storage"));
    total.limit(Metric.ACCOUNT_STORAGE_LIMIT, account.path("reserved_storage"));
    total.max(Metric.ACCOUNT_MEMORY, account.path("memory"));
    total.limit(Metric.ACCOUNT_MEMORY_LIMIT, account.path("reserved_memory"));
    for (JsonNode stream : account.path("stream_detail")) {
      readStream(answer, of, stream, into);
    }
  }

  private void readStream(Answer answer, Attributes account, JsonNode json, Measurements into) {
    Attributes of = account.toBuilder().put(STREAM, json.path("name").asText()).build();
    boolean leads = leads(answer, json);
    into.add(Metric.STREAM_LEADERS, of, leads ? 1 : 0);
    if (leads) {
      Reading stream = new Reading(into, of, json.path("created").asText());
      JsonNode state = json.path("state");
      JsonNode config = json.path("config");
      stream.gauge(Metric.STREAM_MESSAGES, state.path("messages"));
      stream.limit(Metric.STREAM_MESSAGES_LIMIT, config.path("max_msgs"));
      stream.gauge(Metric.STREAM_BYTES, state.path("bytes"));
      stream.limit(Metric.STREAM_BYTES_LIMIT, config.path("max_bytes"));
      stream.gauge(Metric.STREAM_SEQUENCE_FIRST, state.path("first_seq"));
      stream.gauge(Metric.STREAM_SEQUENCE_LAST, state.path("last_seq"));
      stream.gauge(Metric.STREAM_CONSUMERS, state.path("consumer_count"));
    }
    for (JsonNode consumer : json.path("consumer_detail")) {
      if (leads(answer, consumer)) { // not always the server that leads the stream
        readConsumer(of, consumer, into);
      }
    }
  }

  private void readConsumer(Attributes stream, JsonNode json, Measurements into) {
    String durable = json.path("config").path("durable_name").asText();
    Attributes of =
        stream.toBuilder().put(CONSUMER, durable.isEmpty() ? EPHEMERAL : durable).build();
    Reading consumer = new Reading(into, of, json.path("created").asText());
    consumer.sum(Metric.CONSUMER_PENDING, json.path("num_pending"));
    consumer.sum(Metric.CONSUMER_ACK_PENDING, json.path("num_ack_pending"));
    consumer.sum(Metric.CONSUMER_REDELIVERED, json.path("num_redelivered"));
    consumer.sum(Metric.CONSUMER_WAITING, json.path("num_waiting"));
    if (!durable.isEmpty()) {
      consumer.limit(
          Metric.CONSUMER_ACK_PENDING_LIMIT, json.path("config").path("max_ack_pending"));
      consumer.count(Metric.CONSUMER_DELIVERIES, json.path("delivered").path("consumer_seq"));
    }
  }

  /** Whether the answer is of the leader; a stream or consumer outside of a cluster names none. */
  private static boolean leads(Answer answer, JsonNode json) {
    JsonNode cluster = json.path("cluster");
    return cluster.isMissingNode() || answer.server().equals(cluster.path("leader").asText());
  }

  private void readAccounts(Answer answer, Measurements into) {
    for (JsonNode account : answer.data().path("account_statz")) {
      Attributes of = server(answer).toBuilder().put(ACCOUNT, account.path("acc").asText()).build();
      Reading reading = new Reading(into, of, answer.id());
      reading.gauge(Metric.ACCOUNT_CONNECTIONS, account.path("conns"));
      reading.gauge(Metric.ACCOUNT_LEAFNODES, account.path("leafnodes"));
      reading.gauge(Metric.ACCOUNT_SUBSCRIPTIONS, account.path("num_subscriptions"));
      reading.count(Metric.ACCOUNT_SLOW_CONSUMERS, account.path("slow_consumers"));
      JsonNode received = account.path("received");
      JsonNode sent = account.path("sent");
      reading.count(Metric.ACCOUNT_MESSAGES_RECEIVED, ofClients(received, "msgs"));
      reading.count(Metric.ACCOUNT_MESSAGES_SENT, ofClients(sent, "msgs"));
      reading.count(Metric.ACCOUNT_BYTES_RECEIVED, ofClients(received, "bytes"));
      reading.count(Metric.ACCOUNT_BYTES_SENT, ofClients(sent, "bytes"));
    }
  }

  /** What comes from and goes to clients; NaN when the answer does not tell. */
  private static double ofClients(JsonNode traffic, String what) {
    if (!traffic.path(what).isNumber()) {
      return Double.NaN;
    }
    double among = 0;
    for (String peers : List.of("routes", "gateways", "leafs")) {
      among += traffic.path(peers).path(what).asDouble();
    }
    return Math.max(0, traffic.path(what).asDouble() - among);
  }

  private static double number(JsonNode value) {
    return value.isNumber() ? value.asDouble() : Double.NaN;
  }

  private static double epochSeconds(JsonNode time) {
    try {
      return Instant.parse(time.asText()).toEpochMilli() / 1e3;
    } catch (DateTimeParseException e) {
      return Double.NaN;
    }
  }

  /** Puts down what is known of one thing; what is not a number is left out. */
  private final class Reading {
    private final Measurements into;
    private final Attributes of;
    private final String incarnation;

    /**
     * @param incarnation differs when the counters of this thing have begun anew
     */
    Reading(Measurements into, Attributes of, String incarnation) {
      this.into = into;
      this.of = of;
      this.incarnation = incarnation;
    }

    void gauge(Metric metric, double value) {
      if (!Double.isNaN(value)) {
        into.put(metric, of, value);
      }
    }

    void gauge(Metric metric, JsonNode value) {
      gauge(metric, number(value));
    }

    /** Without a limit, NATS says 0, -1, or -1 as an unsigned number. */
    void limit(Metric metric, JsonNode value) {
      double limit = number(value);
      if (limit > 0 && limit < Long.MAX_VALUE) {
        gauge(metric, limit);
      }
    }

    void sum(Metric metric, JsonNode value) {
      if (value.isNumber()) {
        into.add(metric, of, value.asDouble());
      }
    }

    void max(Metric metric, JsonNode value) {
      if (value.isNumber()) {
        into.max(metric, of, value.asDouble());
      }
    }

    void count(Metric metric, double reading) {
      Double total =
          Double.isNaN(reading) ? null : counters.total(metric, of, incarnation, reading);
      if (total != null) {
        into.put(metric, of, total);
      }
    }

    void count(Metric metric, JsonNode reading) {
      count(metric, number(reading));
    }
  }
}
