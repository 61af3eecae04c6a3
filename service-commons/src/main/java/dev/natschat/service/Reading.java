package dev.natschat.service;

import io.nats.client.support.NatsUri;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Reads settings from an environment and collects what is wrong with them. Each may be given as
 * NAME, or as NAME_FILE, the path of a file that holds the value; an empty one is none. What is
 * returned for a setting with a problem is of no use but to go on to the next. For one thread.
 */
public final class Reading {
  /** EX_USAGE of sysexits.h. */
  private static final int EXIT_USAGE = 64;

  private static final Pattern NATS_URLS =
      Pattern.compile("(nats|tls|ws|wss)://[^\\s,@]+(,(nats|tls|ws|wss)://[^\\s,@]+)*");
  private static final int MAX_PORT = 65_535;
  private static final Pattern JDBC_URL =
      Pattern.compile("jdbc:postgresql://([^\\s/?@]+)/[^\\s?]+(\\?(?!\\S*password=)\\S*)?");
  private static final Pattern LOG_LEVEL =
      Pattern.compile("ERROR|WARN|INFO|DEBUG|TRACE", Pattern.CASE_INSENSITIVE);

  /** Behind the servers, where the driver decodes what it finds. */
  private static final Pattern PERCENT_OF_NO_CODE =
      Pattern.compile("//[^/]*/.*%(?!\\p{XDigit}{2})");

  private static final Pattern HOST_AND_PORT =
      Pattern.compile("(\\[[^]\\s]+]|[^]\\[:\\s]+)(:(\\d{1,5}))?");

  private final Map<String, String> environment;
  private final List<String> problems = new ArrayList<>();

  public Reading(Map<String, String> environment) {
    this.environment = environment;
  }

  /**
   * Of the process's own environment; with a problem in it, every problem in one line on standard
   * error and exit 64.
   *
   * @param config throws IllegalArgumentException with the problems
   */
  public static <C> C orExit(String program, Function<Map<String, String>, C> config) {
    try {
      return config.apply(System.getenv());
    } catch (IllegalArgumentException e) {
      System.err.println(program + ": " + e.getMessage());
      System.exit(EXIT_USAGE);
      throw e;
    }
  }

  public void problem(String problem) {
    problems.add(problem);
  }

  /**
   * To be called when all is read. LOG_LEVEL is read by Logback, which takes DEBUG for what it does
   * not know.
   *
   * @throws IllegalArgumentException naming every missing or malformed setting
   */
  public void throwProblems() {
    String level = given("LOG_LEVEL");
    if (level != null && !LOG_LEVEL.matcher(level).matches()) {
      problem("LOG_LEVEL is malformed: expected ERROR, WARN, INFO, DEBUG or TRACE");
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", problems));
    }
  }

  public String required(String name) {
    String value = optional(name);
    if (value == null) {
      problem(name + " is missing: set it, or " + name + "_FILE to the path of a file");
      return "";
    }
    return value;
  }

  /** NATS_URL: one or several servers, separated by commas; with no password, as it is logged. */
  public String natsUrl() {
    return matching("NATS_URL", Reading::areNatsUrls, "nats://host:port");
  }

  private static boolean areNatsUrls(String urls) {
    return NATS_URLS.matcher(urls).matches()
        && Stream.of(urls.split(",", -1)).allMatch(Reading::isNatsUrl);
  }

  /** By who connects there. */
  private static boolean isNatsUrl(String url) {
    try {
      return new NatsUri(url).getPort() <= MAX_PORT;
    } catch (URISyntaxException e) {
      return false;
    }
  }

  /**
   * DATABASE_URL: a PostgreSQL's, for JDBC, of one or several servers; with no password, as it is
   * logged.
   */
  public String databaseUrl() {
    String url =
        matching("DATABASE_URL", Reading::isDatabaseUrl, "jdbc:postgresql://host:port/database");
    if (PERCENT_OF_NO_CODE.matcher(url).find()) {
      problem("DATABASE_URL is malformed: expected %25 for each percent sign in a name or value");
    }
    return url;
  }

  private static boolean isDatabaseUrl(String url) {
    Matcher matcher = JDBC_URL.matcher(url);
    return matcher.matches()
        && Stream.of(matcher.group(1).split(",", -1)).allMatch(Reading::isHostAndPort);
  }

  private static boolean isHostAndPort(String server) {
    Matcher matcher = HOST_AND_PORT.matcher(server);
    if (!matcher.matches()) {
      return false;
    }
    String port = matcher.group(3);
    return port == null || (Integer.parseInt(port) > 0 && Integer.parseInt(port) <= MAX_PORT);
  }

  private String matching(String name, Predicate<String> isWellFormed, String example) {
    String value = optional(name);
    if (value == null || !isWellFormed.test(value)) {
      problem(name + (value == null ? " is missing" : " is malformed") + ": expected " + example);
      return "";
    }
    return value;
  }

  /** HEALTH_FILE, or null for none. */
  public @Nullable Path healthFile() {
    String path = optional("HEALTH_FILE");
    return path == null ? null : Path.of(path);
  }

  /**
   * A required setting.
   *
   * @param parser says by IllegalArgumentException what was expected, and shows no secret
   */
  public <T> T parsed(String name, Function<String, T> parser, T otherwise) {
    int before = problems.size();
    String value = required(name);
    if (problems.size() > before) {
      return otherwise;
    }
    try {
      return parser.apply(value);
    } catch (IllegalArgumentException e) {
      problem(name + " is malformed: " + e.getMessage());
      return otherwise;
    }
  }

  /** Whether it is {@code on}; without a value it is {@code off}. */
  public boolean flag(String name, String on, String off) {
    String value = optional(name);
    if (value != null && !value.equals(on) && !value.equals(off)) {
      problem(name + " is malformed: expected " + on + " or " + off);
    }
    return on.equals(value);
  }

  /** A number, or {@code otherwise} without a value. */
  public int between(String name, int least, int most, int otherwise) {
    String expected = "a number from " + least + " to " + most;
    return (int) number(name, least, most, otherwise, expected);
  }

  /** A number, or {@code otherwise} without a value. */
  public long atLeast(String name, long least, long otherwise) {
    return number(name, least, Long.MAX_VALUE, otherwise, "a number, " + least + " or more");
  }

  private long number(String name, long least, long most, long otherwise, String expected) {
    String value = optional(name);
    if (value == null) {
      return otherwise;
    }
    try {
      long number = Long.parseLong(value);
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    problem(name + " is malformed: expected " + expected);
    return otherwise;
  }

  /** The value, or null for none. */
  public @Nullable String optional(String name) {
    String value = given(name);
    String file = given(name + "_FILE");
    if (file == null) {
      return value;
    }
    if (value != null) {
      problem(name + " and " + name + "_FILE are both set: expected one of them");
      return value;
    }
    try {
      String content = Files.readString(Path.of(file)).strip();
      return content.isEmpty() ? null : content;
    } catch (IOException | IllegalArgumentException e) {
      problem(name + "_FILE names " + file + ", which can't be read: " + e);
      return "";
    }
  }

  private @Nullable String given(String name) {
    String value = environment.get(name);
    return value == null || value.isBlank() ? null : value;
  }
}
