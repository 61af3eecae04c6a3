package dev.natschat.agent;

import static io.opentelemetry.api.common.AttributeKey.booleanKey;
import static io.opentelemetry.api.common.AttributeKey.longKey;
import static io.opentelemetry.api.common.AttributeKey.stringKey;

import io.opentelemetry.api.common.AttributeKey;

/**
 * Attribute keys: the messaging semantic conventions
 * (https://opentelemetry.io/docs/specs/semconv/messaging/), and what is NATS' own under {@code
 * messaging.nats}, a namespace the registry leaves free.
 */
final class Semantics {
  static final String NATS = "nats";
  static final AttributeKey<String> SYSTEM = stringKey("messaging.system");
  static final AttributeKey<String> OPERATION_NAME = stringKey("messaging.operation.name");
  static final AttributeKey<String> OPERATION_TYPE = stringKey("messaging.operation.type");
  static final AttributeKey<String> DESTINATION_NAME = stringKey("messaging.destination.name");
  static final AttributeKey<String> DESTINATION_TEMPLATE =
      stringKey("messaging.destination.template");
  static final AttributeKey<Boolean> DESTINATION_TEMPORARY =
      booleanKey("messaging.destination.temporary");
  static final AttributeKey<String> MESSAGE_ID = stringKey("messaging.message.id");
  static final AttributeKey<Long> BODY_SIZE = longKey("messaging.message.body.size");

  /** The name body.size had before. */
  static final AttributeKey<Long> PAYLOAD_SIZE = longKey("messaging.message.payload_size_bytes");

  static final AttributeKey<String> GROUP_NAME = stringKey("messaging.consumer.group.name");
  static final AttributeKey<String> CONSUMER_NAME = stringKey("messaging.consumer.name");
  static final AttributeKey<Long> BATCH_COUNT = longKey("messaging.batch.message_count");
  static final AttributeKey<String> STREAM = stringKey("messaging.nats.stream");
  static final AttributeKey<Long> STREAM_SEQUENCE = longKey("messaging.nats.stream_sequence");
  static final AttributeKey<Long> DELIVERY_COUNT = longKey("messaging.nats.delivery_count");
  static final AttributeKey<Boolean> DUPLICATE = booleanKey("messaging.nats.duplicate");
  static final AttributeKey<String> OUTCOME = stringKey("messaging.nats.outcome");
  static final AttributeKey<String> SERVER_ADDRESS = stringKey("server.address");
  static final AttributeKey<Long> SERVER_PORT = longKey("server.port");
  static final AttributeKey<String> ERROR_TYPE = stringKey("error.type");

  private Semantics() {}
}
