package dev.natschat.agent;

/**
 * A NATS subject with wildcards: {@code *} stands for one token, {@code >} at the end for one or
 * more (https://docs.nats.io/nats-concepts/subjects#wildcards).
 */
final class SubjectPattern {
  private final String pattern;

  SubjectPattern(String pattern) {
    this.pattern = pattern;
  }

  static boolean isWild(String subject) {
    return subject.indexOf('*') >= 0 || subject.indexOf('>') >= 0;
  }

  boolean matches(String subject) {
    int p = 0;
    int s = 0;
    while (true) {
      int patternEnd = tokenEnd(pattern, p);
      int subjectEnd = tokenEnd(subject, s);
      if (isToken(p, patternEnd, '>')) {
        return patternEnd == pattern.length();
      }
      boolean sameToken =
          patternEnd - p == subjectEnd - s && pattern.regionMatches(p, subject, s, patternEnd - p);
      if (!sameToken && !isToken(p, patternEnd, '*')) {
        return false;
      }
      boolean patternDone = patternEnd == pattern.length();
      boolean subjectDone = subjectEnd == subject.length();
      if (patternDone || subjectDone) {
        return patternDone && subjectDone;
      }
      p = patternEnd + 1;
      s = subjectEnd + 1;
    }
  }

  private boolean isToken(int start, int end, char wildcard) {
    return end - start == 1 && pattern.charAt(start) == wildcard;
  }

  private static int tokenEnd(String subject, int start) {
    int dot = subject.indexOf('.', start);
    return dot < 0 ? subject.length() : dot;
  }

  @Override
  public String toString() {
    return pattern;
  }
}
