package dev.natschat.agent;

import io.opentelemetry.api.common.AttributesBuilder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The low-cardinality side of a subject: span names and constant attributes, made once per
 * destination.
 */
@SuppressWarnings("EnumOrdinal") // an array is read for every message
final class Destination {
  private static final int MOST_COMMON = 64;

  static final Destination TEMPORARY = new Destination("(temporary)", null, true);
  static final Destination UNNAMED = new Destination(null, null, false);

  private final String[] spanNames = new String[Operation.values().length];

  /** By operation, server and queue group: few, so a list that is searched without allocating. */
  private volatile Common[] common = {};

  private final @Nullable String label;
  private final @Nullable String template;
  private final boolean temporary;

  private Destination(@Nullable String label, @Nullable String template, boolean temporary) {
    this.label = label;
    this.template = template;
    this.temporary = temporary;
    for (Operation operation : Operation.values()) {
      spanNames[operation.ordinal()] =
          label == null ? operation.verb : operation.verb + " " + label;
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

  Common common(Operation operation, @Nullable ServerAddress server, @Nullable String group) {
    Common[] known = common;
    for (Common candidate : known) {
      if (candidate.is(operation, server, group)) {
        return candidate;
      }
    }
    Common made = new Common(this, operation, server, group);
    if (known.length < MOST_COMMON) {
      Common[] more = Arrays.copyOf(known, known.length + 1);
      more[known.length] = made;
      common = more;
    }
    return made;
  }

  /** What spans say of where a message goes, beside its subject. */
  void describeSpans(AttributesBuilder builder) {
    if (template != null) {
      builder.put(Semantics.DESTINATION_TEMPLATE, template);
    }
    describeTemporary(builder);
  }

  /** What metrics say of where a message goes. */
  void describeMetrics(AttributesBuilder builder) {
    if (!temporary && label != null) {
      builder.put(Semantics.DESTINATION_TEMPLATE, label);
    }
    describeTemporary(builder);
  }

  private void describeTemporary(AttributesBuilder builder) {
    if (temporary) {
      builder.put(Semantics.DESTINATION_TEMPORARY, true);
    }
  }
}
