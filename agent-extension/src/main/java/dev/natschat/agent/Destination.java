package dev.natschat.agent;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import org.jspecify.annotations.Nullable;

/**
 * The low-cardinality side of a subject: span names and constant attributes, made once per
 * destination.
 */
@SuppressWarnings("EnumOrdinal") // an array is read for every message
final class Destination {
  static final Destination TEMPORARY = new Destination("(temporary)", null, true);
  static final Destination UNNAMED = new Destination(null, null, false);

  private final String[] spanNames = new String[Operation.values().length];
  private final Attributes[] attributes = new Attributes[Operation.values().length];

  private Destination(@Nullable String label, @Nullable String template, boolean temporary) {
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
}
