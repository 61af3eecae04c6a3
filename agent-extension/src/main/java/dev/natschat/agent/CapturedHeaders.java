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

  private CapturedHeaders() {}

  static void describe(Span span, Headers headers) {
    if (wanted.isEmpty()) {
      return;
    }
    for (String name : headers.keySet()) {
      for (Pattern pattern : wanted) {
        if (pattern.matcher(name).matches()) {
          span.setAttribute(attribute(name), headers.get(name));
          break;
        }
      }
    }
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
