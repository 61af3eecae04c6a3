package dev.natschat.agent;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * What all spans and metrics of one operation have in common, with one server and for one queue
 * group; made once.
 */
final class Common {
  /** Names become series; a program may have a queue group for each of its users. */
  private static final int MOST_GROUPS = 256;

  private static final Set<String> groupsOfMetrics = ConcurrentHashMap.newKeySet();

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
    AttributesBuilder spans = attributes(group);
    destination.describeSpans(spans);
    ofSpans = spans.build();
    AttributesBuilder metrics = attributes(isSeries(group) ? group : null);
    destination.describeMetrics(metrics);
    ofMetrics = metrics.build();
  }

  private static boolean isSeries(@Nullable String group) {
    if (group == null) {
      return false;
    }
    if (groupsOfMetrics.size() < MOST_GROUPS) {
      groupsOfMetrics.add(group);
    }
    return groupsOfMetrics.contains(group);
  }

  private AttributesBuilder attributes(@Nullable String group) {
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
        && Objects.equals(this.server, server)
        && Objects.equals(this.group, group);
  }

  /** Of bounded cardinality: the template stands for the subject. */
  Attributes ofMetrics(@Nullable String errorType) {
    return errorType == null
        ? ofMetrics
        : ofMetrics.toBuilder().put(Semantics.ERROR_TYPE, errorType).build();
  }
}
