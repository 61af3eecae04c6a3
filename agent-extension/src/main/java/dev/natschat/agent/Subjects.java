package dev.natschat.agent;

import io.nats.client.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/** Which destination a subject belongs to, and which subjects are the plumbing of NATS itself. */
final class Subjects {
  /** Subjects are unbounded (rooms, ids): beyond this many the answer is computed each time. */
  private static final int CACHE_LIMIT = 4096;

  private static final Subjects CURRENT =
      new Subjects(Settings.get().destinationTemplates, Settings.get().inboxPrefixes);

  private final SubjectPattern[] templates;
  private final Destination[] destinations;
  private final String[] inboxPrefixes;
  private final ConcurrentMap<String, Destination> published = new ConcurrentHashMap<>();
  private final ConcurrentMap<String, Destination> named = new ConcurrentHashMap<>();

  Subjects(List<String> destinationTemplates, List<String> configuredInboxPrefixes) {
    int count = destinationTemplates.size();
    templates = new SubjectPattern[count];
    destinations = new Destination[count];
    for (int i = 0; i < count; i++) {
      String template = destinationTemplates.get(i).trim();
      templates[i] = new SubjectPattern(template);
      destinations[i] = Destination.ofTemplate(template);
    }
    List<String> prefixes = new ArrayList<>();
    prefixes.add("_INBOX.");
    for (String prefix : configuredInboxPrefixes) {
      prefixes.add(prefix.trim());
    }
    inboxPrefixes = prefixes.toArray(new String[0]);
  }

  static Subjects get() {
    return CURRENT;
  }

  /**
   * The JetStream API, acknowledgements, system requests and service discovery: no spans, no
   * headers.
   */
  static boolean isPlumbing(String subject) {
    return subject.length() > 4
        && subject.charAt(0) == '$'
        && (subject.startsWith("$JS.")
            || subject.startsWith("$SYS.")
            || subject.startsWith("$SRV."));
  }

  /** Buckets of KeyValue and ObjectStore: their messages are stored values, not work to do. */
  static boolean isBucket(String subject) {
    return subject.startsWith("$KV.") || subject.startsWith("$O.");
  }

  boolean isInbox(String subject, @Nullable Connection connection) {
    for (String prefix : inboxPrefixes) {
      if (subject.startsWith(prefix)) {
        return true;
      }
    }
    return connection != null && subject.startsWith(connection.getOptions().getInboxPrefix());
  }

  /**
   * Where a message is sent: its template, else its bucket; a name without bound is not part of a
   * span name.
   */
  Destination ofPublished(String subject) {
    Destination known = published.get(subject);
    if (known != null) {
      return known;
    }
    Destination found = templateOf(subject);
    if (found == null) {
      found = isBucket(subject) ? ofName(bucketPattern(subject)) : Destination.UNNAMED;
    }
    if (published.size() < CACHE_LIMIT) {
      published.put(subject, found);
    }
    return found;
  }

  private @Nullable Destination templateOf(String subject) {
    for (int i = 0; i < templates.length; i++) {
      if (templates[i].matches(subject)) {
        return destinations[i];
      }
    }
    return null;
  }

  /** A destination with a name of bounded cardinality: a subscription's subject, a stream. */
  Destination ofName(String name) {
    Destination known = named.get(name);
    if (known != null) {
      return known;
    }
    Destination made =
        SubjectPattern.isWild(name) ? Destination.ofTemplate(name) : Destination.named(name);
    if (named.size() < CACHE_LIMIT) {
      named.put(name, made);
    }
    return made;
  }

  private static String bucketPattern(String subject) {
    int bucketStart = subject.indexOf('.') + 1;
    int bucketEnd = subject.indexOf('.', bucketStart);
    return bucketEnd < 0 ? subject : subject.substring(0, bucketEnd) + ".>";
  }
}
