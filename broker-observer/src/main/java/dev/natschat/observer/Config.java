package dev.natschat.observer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the environment says, checked as a whole.
 *
 * @param pollInterval from one round of questions to the next
 * @param hops whether to export what servers say of traced messages
 * @param logFiles by the name of the server that writes it
 */
record Config(
    String natsUrl,
    String natsUser,
    String natsPass,
    Duration pollInterval,
    boolean hops,
    Map<String, Path> logFiles,
    @Nullable Path healthFile) {

  /** EX_USAGE of sysexits.h. */
  private static final int EXIT_USAGE = 64;

  /** Half the export interval: each export has a fresh view. */
  private static final int DEFAULT_POLL_INTERVAL_SECONDS = 5;

  private static final Pattern NATS_URLS =
      Pattern.compile("(nats|tls|ws|wss)://[^\\s,]+(,(nats|tls|ws|wss)://[^\\s,]+)*");

  /** The process's own environment; with a problem in it, every problem in one line and exit 64. */
  static Config fromEnvironment() {
    try {
      return from(System.getenv());
    } catch (IllegalArgumentException e) {
      System.err.println("broker-observer: " + e.getMessage());
      System.exit(EXIT_USAGE);
      throw e;
    }
  }

  /**
   * Every variable may also be given as NAME_FILE, the path of a file that holds the value.
   *
   * @throws IllegalArgumentException naming every missing or malformed variable
   */
  static Config from(Map<String, String> environment) {
    Reading reading = new Reading(environment);
    String health = environment.get("HEALTH_FILE");
    Config config =
        new Config(
            reading.matching("NATS_URL", NATS_URLS, "nats://host:port"),
            reading.required("NATS_USER"),
            reading.required("NATS_PASS"),
            Duration.ofSeconds(
                reading.between("POLL_INTERVAL_SECONDS", 1, 300, DEFAULT_POLL_INTERVAL_SECONDS)),
            reading.isOn("BROKER_HOPS"),
            reading.files("NATS_LOG_FILES"),
            health == null || health.isBlank() ? null : Path.of(health));
    if (!reading.problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", reading.problems));
    }
    return config;
  }

  @Override
  public String toString() {
    return "Config[nats="
        + natsUser
        + ":***@"
        + natsUrl
        + ", pollInterval="
        + pollInterval
        + ", hops="
        + hops
        + ", logFiles="
        + logFiles
        + "]";
  }

  private static final class Reading {
    private final Map<String, String> environment;
    private final List<String> problems = new ArrayList<>();

    Reading(Map<String, String> environment) {
      this.environment = environment;
    }

    String required(String name) {
      String value = value(name);
      if (value == null) {
        problems.add(name + " is missing: set it, or " + name + "_FILE to the path of a file");
        return "";
      }
      return value;
    }

    String matching(String name, Pattern pattern, String example) {
      String value = value(name);
      if (value == null || !pattern.matcher(value).matches()) {
        problems.add(
            name + (value == null ? " is missing" : " is malformed") + ": expected " + example);
        return "";
      }
      return value;
    }

    int between(String name, int least, int most, int otherwise) {
      String value = value(name);
      if (value == null) {
        return otherwise;
      }
      try {
        int number = Integer.parseInt(value);
        if (number >= least && number <= most) {
          return number;
        }
      } catch (NumberFormatException e) {
        // said below
      }
      problems.add(name + " is malformed: expected a number from " + least + " to " + most);
      return otherwise;
    }

    /** Off unless it says on. */
    boolean isOn(String name) {
      String value = value(name);
      if (value != null && !value.matches("on|off")) {
        problems.add(name + " is malformed: expected on or off");
      }
      return "on".equals(value);
    }

    /** Written {@code name=path,name=path}. */
    Map<String, Path> files(String name) {
      Map<String, Path> files = new TreeMap<>();
      String value = environment.getOrDefault(name, "");
      for (String file : value.isBlank() ? new String[0] : value.split(",", -1)) {
        String[] nameAndPath = file.strip().split("=", 2);
        if (nameAndPath.length < 2 || nameAndPath[0].isEmpty() || nameAndPath[1].isEmpty()) {
          problems.add(name + " is malformed: expected server=/path/to/its.log,server=...");
          return Map.of();
        }
        files.put(nameAndPath[0], Path.of(nameAndPath[1]));
      }
      return files;
    }

    private @Nullable String value(String name) {
      String file = environment.get(name + "_FILE");
      String value = environment.get(name);
      if (file != null && value != null) {
        problems.add(name + " and " + name + "_FILE are both set: expected one of them");
      } else if (file != null) {
        try {
          value = Files.readString(Path.of(file)).strip();
        } catch (IOException | IllegalArgumentException e) {
          problems.add(name + "_FILE names " + file + ", which can't be read: " + e);
          return "";
        }
      }
      return value == null || value.isBlank() ? null : value;
    }
  }
}
