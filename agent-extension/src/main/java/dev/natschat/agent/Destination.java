package dev.natschat.agent;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The low-cardinality side of a subject: span names and constant attributes, made once per
 * destination.
 */
@SuppressWarnings("EnumOrdinal") // an array is read for every message
final class Destination {
  private static final int MOST_METRIC_ATTRIBUTES = 64;

  static final Destination TEMPORARY = new Destination("(temporary)", null, true);
  static final Destination UNNAMED = new Destination(null, null, false);

  private final String[] spanNames = new String[Operation.values().length];

  /** By operation, server and queue group: few, so a list that is searched without allocating. */
  private volatile MetricAttributes[] metricAttributes = {};

  private final @Nullable String label;
  private final Attributes[] attributes = new Attributes[Operation.values().length];

  private Destination(@Nullable String label, @Nullable String template, boolean temporary) {
    this.label = label;
    for (Operation operation : Operation.values()) {
      spanNames[operation.ordinal()] =
          label == null ? operation.verb : operation.verb + " " + label;
      AttributesBuilder builder =
          Attributes.builder()
              .put(Semantics.SYSTEM, "nats")
              .put(Semantics.OPERATION_NAME, operation.verb)
              .put(Semantics.OPERATION_TYPE, operation.type);
      if (template != null) {
        builder.put(Semantics.DESTINATION_TEMPLATE, template);
      }
      if (temporary) {
        builder.put(Semantics.DESTINATION_TEMPORARY, true);
      }
      attributes[operation.ordinal()] = builder.build();
    }
  }

  /** The destination of all subjects that match the template. */
  static Destination ofTemplate(String template) {
    return new Destination(template, template, false);
  }

  /** A destination that has a name of its own: a subscription without wildcards, or a stream. */
  static Destination named(String name) {
    return new Destination(name, null, false);
  }

  String spanName(Operation operation) {
    return spanNames[operation.ordinal()];
  }

  Attributes attributes(Operation operation) {
    return attributes[operation.ordinal()];
  }

  /** Of bounded cardinality: the template stands for the subject. */
  Attributes metricAttributes(
      Operation operation,
      @Nullable ServerAddress server,
      @Nullable String group,
      @Nullable String errorType) {
    Attributes known = metricAttributes(operation, server, group);
    return errorType == null
        ? known
        : known.toBuilder().put(Semantics.ERROR_TYPE, errorType).build();
  }

  private Attributes metricAttributes(
      Operation operation, @Nullable ServerAddress server, @Nullable String group) {
    MetricAttributes[] known = metricAttributes;
    for (MetricAttributes candidate : known) {
      if (candidate.are(operation, server, group)) {
        return candidate.attributes;
      }
    }
    MetricAttributes made = new MetricAttributes(this, operation, server, group);
    if (known.length < MOST_METRIC_ATTRIBUTES) {
      MetricAttributes[] more = Arrays.copyOf(known, known.length + 1);
      more[known.length] = made;
      metricAttributes = more;
    }
    return made.attributes;
  }

  /** What metrics say of where a message goes. */
  void describe(AttributesBuilder builder) {
    if (this == TEMPORARY) {
      builder.put(Semantics.DESTINATION_TEMPORARY, true);
    } else if (label != null) {
      builder.put(Semantics.DESTINATION_TEMPLATE, label);
    }
  }
}
