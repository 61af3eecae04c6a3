package dev.natschat.agent;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What all spans and metrics of one operation have in common, with one server and for one queue
 * group; made once.
 */
final class Common {
  final Destination destination;
  final Operation operation;
  final @Nullable ServerAddress server;
  final @Nullable String group;
  final Attributes ofSpans;
  private final Attributes ofMetrics;

  Common(
      Destination destination,
      Operation operation,
      @Nullable ServerAddress server,
      @Nullable String group) {
    this.destination = destination;
    this.operation = operation;
    this.server = server;
    this.group = group;
    AttributesBuilder spans = attributes();
    destination.describeSpans(spans);
    ofSpans = spans.build();
    AttributesBuilder metrics = attributes();
    destination.describeMetrics(metrics);
    ofMetrics = metrics.build();
  }

  private AttributesBuilder attributes() {
    AttributesBuilder builder =
        Attributes.builder()
            .put(Semantics.SYSTEM, Semantics.NATS)
            .put(Semantics.OPERATION_NAME, operation.verb)
            .put(Semantics.OPERATION_TYPE, operation.type);
    if (server != null) {
      builder.putAll(server.attributes);
    }
    if (group != null) {
      builder.put(Semantics.GROUP_NAME, group);
    }
    return builder;
  }

  boolean is(Operation operation, @Nullable ServerAddress server, @Nullable String group) {
    return this.operation == operation
        && this.server == server
        && Objects.equals(this.group, group);
  }

  /** Of bounded cardinality: the template stands for the subject. */
  Attributes ofMetrics(@Nullable String errorType) {
    return errorType == null
        ? ofMetrics
        : ofMetrics.toBuilder().put(Semantics.ERROR_TYPE, errorType).build();
  }
}
