package dev.natschat.agent;

import io.nats.client.impl.Headers;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * The headers the user wants to see on spans: {@code messaging.header.} and the name with {@code _}
 * for {@code -}, as the agent's other messaging instrumentations write it.
 */
final class CapturedHeaders {
  private static final List<Pattern> wanted = patterns(Settings.get().capturedHeaders);
  private static final List<Pattern> unwanted = patterns(Settings.get().excludedHeaders);

  private CapturedHeaders() {}

  static void describe(Span span, Headers headers) {
    if (wanted.isEmpty()) {
      return;
    }
    for (String name : headers.keySet()) {
      if (matchesAny(wanted, name) && !matchesAny(unwanted, name)) {
        // A copy: the caller may add another value before the span is exported.
        span.setAttribute(attribute(name), new ArrayList<>(headers.get(name)));
      }
    }
  }

  private static boolean matchesAny(List<Pattern> patterns, String name) {
    for (Pattern pattern : patterns) {
      if (pattern.matcher(name).matches()) {
        return true;
      }
    }
    return false;
  }

  /** Go clients write other capitals than Java's: one attribute for both. */
  private static AttributeKey<List<String>> attribute(String header) {
    return AttributeKey.stringArrayKey(
        "messaging.header." + header.toLowerCase(Locale.ROOT).replace('-', '_'));
  }

  private static List<Pattern> patterns(List<String> names) {
    List<Pattern> patterns = new ArrayList<>();
    for (String name : names) {
      String expression = Pattern.quote(name).replace("*", "\\E.*\\Q").replace("?", "\\E.\\Q");
      patterns.add(Pattern.compile(expression, Pattern.CASE_INSENSITIVE));
    }
    return patterns;
  }
}
