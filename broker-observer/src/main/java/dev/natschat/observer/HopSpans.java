package dev.natschat.observer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Map.entry;

import dev.natschat.observer.HopEvent.Server;
import dev.natschat.observer.HopEvent.Step;
import dev.natschat.observer.HopTrees.Tree;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.sdk.resources.Resource;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Draws what servers did with a message as spans of its publisher's trace: one for each server,
 * from the message's arrival to the last that was done with it, and one under it for each thing
 * that was done. Ids follow from the event alone, so the same event always makes the same spans.
 * For one thread.
 */
final class HopSpans {
  static final AttributeKey<String> SYSTEM = AttributeKey.stringKey("messaging.system");
  static final AttributeKey<String> OPERATION = AttributeKey.stringKey("messaging.operation.name");
  static final AttributeKey<String> DESTINATION =
      AttributeKey.stringKey("messaging.destination.name");
  static final AttributeKey<Long> SIZE = AttributeKey.longKey("messaging.message.envelope.size");
  static final AttributeKey<String> QUEUE = AttributeKey.stringKey("messaging.consumer.group.name");
  static final AttributeKey<String> ERROR_TYPE = AttributeKey.stringKey("error.type");

  static final AttributeKey<String> SERVER = nats("server.name");
  static final AttributeKey<String> CLUSTER = nats("cluster");
  static final AttributeKey<String> ACCOUNT = nats("account");
  static final AttributeKey<String> PEER = nats("peer.kind");
  static final AttributeKey<String> PEER_NAME = nats("peer.name");
  static final AttributeKey<Long> CONNECTION = AttributeKey.longKey("messaging.nats.connection.id");
  static final AttributeKey<String> SUBSCRIPTION = nats("subscription");
  static final AttributeKey<String> STREAM = nats("stream");
  static final AttributeKey<String> HOP = nats("hop");
  static final AttributeKey<String> NOT_DELIVERED = nats("not_delivered");
  static final AttributeKey<Boolean> DUPLICATE =
      AttributeKey.booleanKey("messaging.nats.duplicate");
  static final AttributeKey<Boolean> NO_INTEREST =
      AttributeKey.booleanKey("messaging.nats.no_interest");
  static final AttributeKey<Boolean> PREDECESSOR_LOST =
      AttributeKey.booleanKey("messaging.nats.hop.predecessor_lost");
  static final AttributeKey<Long> CLOCK_SHIFT =
      AttributeKey.longKey("messaging.nats.hop.clock_shift_us");
  static final AttributeKey<Long> DELIVERIES = AttributeKey.longKey("messaging.nats.deliveries");

  /** A message may have thousands of readers; more than these are only counted. */
  static final int MAX_DELIVERIES = 32;

  private static final int MAX_SERVERS = 1000;

  /** What servers say of deliveries that did not happen and need not worry anybody. */
  private static final List<String> AS_ASKED =
      List.of(
          "Not delivered because of no echo",
          "Not delivered because auto-unsubscribe exceeded",
          "Not delivered because subscription is closed",
          "Not delivered because client is closed");

  /** What an error begins with or contains, in lower case, and its error.type. */
  private static final List<Map.Entry<String, String>> ERROR_TYPES =
      List.of(
          entry("permissions violation", "permission_denied"),
          entry("publish denied", "permission_denied"),
          entry("subscription denies", "permission_denied"),
          entry("maximum payload", "message_too_large"),
          entry("message size exceeds", "message_too_large"),
          entry("maximum", "limit_reached"),
          entry("resource limits", "limit_reached"),
          entry("insufficient", "limit_reached"),
          entry("wrong last", "wrong_last_sequence"),
          entry("expected", "expectation_failed"),
          entry("slow", "slow_consumer"),
          entry("does not support message tracing", "not_traced"));

  private final Resource observer;
  private final Map<Server, Resource> resources = new HashMap<>();
  private final MessageDigest sha256 = sha256();

  /**
   * @param observer the resource of this process: the servers share its namespace and environment
   */
  HopSpans(Resource observer) {
    this.observer = observer;
  }

  private static AttributeKey<String> nats(String name) {
    return AttributeKey.stringKey("messaging.nats." + name);
  }

  /** Takes the tree's events. */
  List<HopSpan> of(Tree tree) {
    List<HopSpan> spans = new ArrayList<>();
    Map<String, Long> sentAt = new HashMap<>();
    for (HopEvent event : tree.takeEvents()) {
      draw(event, tree.parents, sentAt, spans);
    }
    return spans;
  }

  /**
   * @param parents to each hop the span that passed the message on to it
   * @param sentAt to each hop when that was, by the clock of the first server
   */
  private void draw(
      HopEvent event, Map<String, String> parents, Map<String, Long> sentAt, List<HopSpan> spans) {
    Step arrival = event.arrival();
    long shift = clockShift(event, sentAt);
    String id = id(event, 0);
    String parent = parents.get(event.hop());
    boolean lost = parent == null && !event.isFirst();
    if (lost) {
      parent = nearest(event.hop(), parents);
    }
    AttributesBuilder attributes =
        of(event, "ingress", arrival).put(DESTINATION, arrival.subject()).put(SIZE, event.size());
    if (!event.isFirst()) {
      attributes.put(HOP, event.hop());
    }
    if (lost) {
      attributes.put(PREDECESSOR_LOST, true);
    }
    if (shift > 0) {
      attributes.put(CLOCK_SHIFT, shift / 1000);
    }
    long deliveries = event.steps().stream().filter(HopSpans::isDelivery).count();
    if (deliveries > 0) {
      attributes.put(DELIVERIES, deliveries);
    }
    spans.add(
        span(
            event,
            id,
            parent == null ? event.parentId() : parent,
            "ingress " + arrival.peer(),
            SpanKind.CONSUMER,
            arrival.nanos() + shift,
            end(event) + shift,
            arrival.error(),
            attributes));
    parents.put(at(event.hop()), id);
    int delivered = 0;
    for (int i = 1; i < event.steps().size(); i++) {
      Step step = event.steps().get(i);
      if (isDelivery(step) && step.error().isEmpty() && ++delivered > MAX_DELIVERIES) {
        continue;
      }
      HopSpan span = step(event, i, id, shift);
      spans.add(span);
      if (!step.hop().isEmpty()) {
        parents.put(step.hop(), span.id());
        sentAt.put(step.hop(), span.startNanos());
      }
    }
  }

  private static boolean isDelivery(Step step) {
    return step.type() == HopEvent.Type.EGRESS && step.hop().isEmpty();
  }

  private HopSpan step(HopEvent event, int index, String parent, long shift) {
    Step step = event.steps().get(index);
    long start = step.nanos() + shift;
    long end = start;
    String name;
    SpanKind kind = SpanKind.INTERNAL;
    AttributesBuilder attributes;
    switch (step.type()) {
      case EGRESS -> {
        name = "egress " + step.peer();
        kind = SpanKind.PRODUCER;
        attributes = of(event, "egress", step);
        put(attributes, DESTINATION, destination(event, index));
        put(attributes, SUBSCRIPTION, step.subscription());
        put(attributes, QUEUE, step.queue());
        put(attributes, HOP, step.hop());
      }
      case STORE -> {
        name = "store " + step.stream();
        end = Math.max(start, event.sentNanos() + shift);
        attributes = of(event, "store", step);
        put(attributes, STREAM, step.stream());
        put(
            attributes,
            DESTINATION,
            step.subject().isEmpty() ? destination(event, index) : step.subject());
        if (step.nobodyInterested()) {
          attributes.put(NO_INTEREST, true);
        }
      }
      default -> {
        name =
            switch (step.type()) {
              case SERVICE_IMPORT -> "service import";
              case STREAM_EXPORT -> "stream import";
              default -> "subject mapping";
            };
        attributes = of(event, name.replace(' ', '_'), step);
        put(attributes, DESTINATION, step.subject());
      }
    }
    return span(event, id(event, index), parent, name, kind, start, end, step.error(), attributes);
  }

  /** What the message is called at this step: mappings and imports before it have changed that. */
  private static String destination(HopEvent event, int index) {
    for (int i = index - 1; i > 0; i--) {
      Step before = event.steps().get(i);
      switch (before.type()) {
        case SUBJECT_MAPPING, SERVICE_IMPORT, STREAM_EXPORT -> {
          return before.subject();
        }
        default -> {}
      }
    }
    return event.arrival().subject();
  }

  private HopSpan span(
      HopEvent event,
      String id,
      String parent,
      String name,
      SpanKind kind,
      long start,
      long end,
      String error,
      AttributesBuilder attributes) {
    String failed = error;
    if (AS_ASKED.contains(error)) {
      attributes.put(NOT_DELIVERED, error);
      failed = "";
    } else if (error.equals("msgid is duplicate")) {
      attributes.put(DUPLICATE, true);
      failed = "";
    } else if (!error.isEmpty()) {
      attributes.put(ERROR_TYPE, errorType(error));
    }
    return new HopSpan(
        resources.size() < MAX_SERVERS
            ? resources.computeIfAbsent(event.server(), this::resource)
            : resource(event.server()),
        event.traceId(),
        id,
        parent,
        name,
        kind,
        start,
        end,
        failed,
        attributes.build());
  }

  private static AttributesBuilder of(HopEvent event, String operation, Step step) {
    AttributesBuilder attributes =
        Attributes.builder()
            .put(SYSTEM, "nats")
            .put(OPERATION, operation)
            .put(SERVER, event.server().name());
    put(attributes, CLUSTER, event.server().cluster());
    put(attributes, ACCOUNT, step.account().isEmpty() ? event.arrival().account() : step.account());
    put(attributes, PEER, step.peer());
    put(attributes, PEER_NAME, step.connectionName());
    if (step.connection() > 0) {
      attributes.put(CONNECTION, step.connection());
    }
    return attributes;
  }

  private static void put(AttributesBuilder attributes, AttributeKey<String> key, String value) {
    if (!value.isEmpty()) {
      attributes.put(key, value);
    }
  }

  private static String errorType(String error) {
    String lower = error.toLowerCase(java.util.Locale.ROOT);
    return ERROR_TYPES.stream()
        .filter(type -> lower.contains(type.getKey()))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElse("_OTHER");
  }

  /** Until the last that is known of it, and until it is stored. */
  private static long end(HopEvent event) {
    long end = event.arrival().nanos();
    for (Step step : event.steps()) {
      end = Math.max(end, step.nanos());
      if (step.type() == HopEvent.Type.STORE) {
        end = Math.max(end, event.sentNanos());
      }
    }
    return end;
  }

  /**
   * Every server has a clock of its own. Where a message arrives before it was sent, all times of
   * the server where it arrived are moved so that both are the same; else they stay.
   */
  private static long clockShift(HopEvent event, Map<String, Long> sentAt) {
    Long sent = sentAt.get(event.hop());
    return sent == null ? 0 : Math.max(0, sent - event.arrival().nanos());
  }

  private static @Nullable String nearest(String hop, Map<String, String> parents) {
    for (int dot = hop.lastIndexOf('.'); ; dot = hop.lastIndexOf('.', dot - 1)) {
      String before = dot < 0 ? "" : hop.substring(0, dot);
      String found = parents.getOrDefault(at(before), parents.get(before));
      if (found != null || before.isEmpty()) {
        return found;
      }
    }
  }

  /** Where the message was at that hop, not how it came there. */
  private static String at(String hop) {
    return "at " + hop;
  }

  private String id(HopEvent event, int step) {
    byte[] hash = sha256.digest((event.key() + '#' + step).getBytes(UTF_8));
    return HexFormat.of().formatHex(hash, 0, 8);
  }

  private Resource resource(Server server) {
    return Resource.create(
        observer.getAttributes().toBuilder()
            .put("service.name", "nats-server")
            .put("service.instance.id", server.name())
            .put("service.version", server.version())
            .put("messaging.nats.server.id", server.id())
            .build());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }
}
