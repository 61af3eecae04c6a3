package dev.natschat.agent;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The attributes of one series, made once. */
final class MetricAttributes {
  final Attributes attributes;
  private final Operation operation;
  private final @Nullable ServerAddress server;
  private final @Nullable String group;

  MetricAttributes(
      Destination destination,
      Operation operation,
      @Nullable ServerAddress server,
      @Nullable String group) {
    this.operation = operation;
    this.server = server;
    this.group = group;
    AttributesBuilder builder =
        Attributes.builder()
            .put(Semantics.SYSTEM, "nats")
            .put(Semantics.OPERATION_NAME, operation.verb)
            .put(Semantics.OPERATION_TYPE, operation.type);
    destination.describe(builder);
    if (server != null) {
      builder.putAll(server.attributes);
    }
    if (group != null) {
      builder.put(Semantics.GROUP_NAME, group);
    }
    attributes = builder.build();
  }

  boolean are(Operation operation, @Nullable ServerAddress server, @Nullable String group) {
    return this.operation == operation
        && this.server == server
        && Objects.equals(this.group, group);
  }
}
