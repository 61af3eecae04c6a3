package dev.natschat.agent;

import io.nats.client.Connection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** Which destination a subject belongs to, and which subjects are the plumbing of NATS itself. */
final class Subjects {
  /** Subjects are unbounded (rooms, ids): beyond this many the answer is computed each time. */
  private static final int CACHE_LIMIT = 4096;

  /** Names become series; a program may subscribe to a subject for each of its users. */
  private static final int MOST_NAMES = 256;

  private static final int MOST_API_PREFIXES = 16;

  private static final Subjects CURRENT =
      new Subjects(
          Settings.get().destinationTemplates,
          Settings.get().inboxPrefixes,
          Settings.get().includedSubjects,
          Settings.get().excludedSubjects);

  private static volatile String[] apiPrefixes = {};

  private final boolean filtered;
  private final SubjectPattern[] included;
  private final SubjectPattern[] excluded;
  private final SubjectPattern[] templates;
  private final Destination[] destinations;
  private final String[] inboxPrefixes;
  private final ConcurrentMap<String, Destination> published = new ConcurrentHashMap<>();
  private final ConcurrentMap<String, Destination> named = new ConcurrentHashMap<>();
  private final AtomicBoolean tooMany = new AtomicBoolean();

  Subjects(
      List<String> destinationTemplates,
      List<String> configuredInboxPrefixes,
      List<String> includedSubjects,
      List<String> excludedSubjects) {
    included = patterns(includedSubjects);
    excluded = patterns(excludedSubjects);
    filtered = included.length + excluded.length > 0;
    templates = patterns(destinationTemplates);
    destinations = new Destination[templates.length];
    for (int i = 0; i < templates.length; i++) {
      destinations[i] = Destination.ofTemplate(templates[i].toString());
    }
    List<String> prefixes = new ArrayList<>();
    prefixes.add("_INBOX.");
    for (String prefix : configuredInboxPrefixes) {
      prefixes.add(prefix.trim());
    }
    inboxPrefixes = prefixes.toArray(new String[0]);
  }

  private static SubjectPattern[] patterns(List<String> configured) {
    SubjectPattern[] patterns = new SubjectPattern[configured.size()];
    for (int i = 0; i < patterns.length; i++) {
      patterns[i] = new SubjectPattern(configured.get(i).trim());
    }
    return patterns;
  }

  static Subjects get() {
    return CURRENT;
  }

  /**
   * The JetStream API, acknowledgements, system requests and service discovery: no spans, no
   * headers.
   */
  static boolean isPlumbing(String subject) {
    if (subject.length() > 4
        && subject.charAt(0) == '$'
        && (subject.startsWith("$JS.") || subject.startsWith("$SYS.") || isDiscovery(subject))) {
      return bucketBehindApi(subject) == 0;
    }
    for (String prefix : apiPrefixes) {
      if (subject.startsWith(prefix) && isApi(subject, prefix.length())) {
        return true;
      }
    }
    return false;
  }

  /** The application's own subjects may begin like the API's. */
  private static boolean isApi(String subject, int prefix) {
    return subject.startsWith("STREAM.", prefix)
        || subject.startsWith("CONSUMER.", prefix)
        || subject.startsWith("DIRECT.", prefix)
        || subject.startsWith("$O.", prefix) // older ones put objects so
        || (subject.length() == prefix + "INFO".length() && subject.endsWith("INFO"));
  }

  /**
   * Clients write into a KeyValue bucket of another domain or account by the prefix of its API:
   * {@code $JS.hub.API.$KV.rooms.a}. Where the bucket's own subject begins; 0: nowhere.
   */
  private static int bucketBehindApi(String subject) {
    if (subject.startsWith("$JS.")) {
      boolean local = subject.startsWith("API.", 4) || subject.startsWith("ACK.", 4);
      int api = local ? -1 : subject.indexOf(".API.$KV.", 4);
      return api < 0 ? 0 : api + ".API.".length();
    }
    for (String prefix : apiPrefixes) {
      if (subject.startsWith(prefix) && subject.startsWith("$KV.", prefix.length())) {
        return prefix.length();
      }
    }
    return 0;
  }

  /** One of each message that is consumed: seen at a glance. */
  static boolean isAcknowledgement(String subject) {
    return subject.startsWith("$JS.ACK.");
  }

  /** PING, INFO and STATS of the service API. */
  static boolean isDiscovery(String subject) {
    return subject.startsWith("$SRV.");
  }

  /** A JetStream API that an account imports under a name of its own. */
  static synchronized void learnApiPrefix(@Nullable String prefix) {
    if (prefix == null
        || prefix.isEmpty()
        || prefix.startsWith("$JS.")
        || Arrays.asList(apiPrefixes).contains(prefix)
        || apiPrefixes.length == MOST_API_PREFIXES) {
      return;
    }
    String[] more = Arrays.copyOf(apiPrefixes, apiPrefixes.length + 1);
    more[apiPrefixes.length] = prefix;
    apiPrefixes = more;
  }

  /** Plumbing, or what the user does not want to see: no spans, no headers, no metrics. */
  boolean isIgnored(String subject, @Nullable Connection connection) {
    return isPlumbing(subject) || isExcluded(subject, connection);
  }

  /** Of what is received; what comes to an inbox is another matter. */
  boolean isExcluded(String subject) {
    return isExcluded(subject, null);
  }

  private boolean isExcluded(String subject, @Nullable Connection connection) {
    return filtered && isFiltered(subject.substring(bucketBehindApi(subject)), connection);
  }

  private boolean isFiltered(String subject, @Nullable Connection connection) {
    return matchesAny(excluded, subject)
        || (included.length > 0 && !matchesAny(included, subject) && !isInbox(subject, connection));
  }

  private static boolean matchesAny(SubjectPattern[] patterns, String subject) {
    for (SubjectPattern pattern : patterns) {
      if (pattern.matches(subject)) {
        return true;
      }
    }
    return false;
  }

  /** Buckets of KeyValue and ObjectStore: their messages are stored values, not work to do. */
  static boolean isBucket(String subject) {
    return !subject.isEmpty()
        && subject.charAt(0) == '$' // few others begin so
        && (subject.startsWith("$KV.") || subject.startsWith("$O."));
  }

  /** A part of a stored object. */
  static boolean isChunk(String subject) {
    return subject.startsWith("$O.") && subject.startsWith(".C.", subject.indexOf('.', 3));
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
    String stored = subject.substring(bucketBehindApi(subject));
    Destination found = templateOf(stored);
    if (found == null) {
      found = isBucket(stored) ? ofName(bucketPattern(stored)) : Destination.UNNAMED;
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

  /**
   * A subscription's subject, a bucket or a stream. Of these the first {@value #MOST_NAMES} have a
   * name.
   */
  Destination ofName(String name) {
    Destination known = named.get(name);
    if (known != null) {
      return known;
    }
    if (named.size() >= MOST_NAMES) {
      if (tooMany.compareAndSet(false, true)) {
        Faults.misconfigured(
            "There are more than "
                + MOST_NAMES
                + " subscribed subjects, buckets and streams; spans and metrics of all others, from "
                + name
                + " on, do not name theirs. Subjects that hold an id want a template:"
                + " otel.instrumentation.jnats.destination-templates");
      }
      return Destination.UNNAMED;
    }
    named.putIfAbsent(
        name, SubjectPattern.isWild(name) ? Destination.ofTemplate(name) : Destination.named(name));
    return named.get(name);
  }

  private static String bucketPattern(String subject) {
    int bucketStart = subject.indexOf('.') + 1;
    int bucketEnd = subject.indexOf('.', bucketStart);
    return bucketEnd < 0 ? subject : subject.substring(0, bucketEnd) + ".>";
  }
}
