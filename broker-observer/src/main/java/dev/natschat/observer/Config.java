package dev.natschat.observer;

import dev.natschat.service.Reading;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
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

  /** Half the export interval: each export has a fresh view. */
  private static final int DEFAULT_POLL_INTERVAL_SECONDS = 5;

  /** The process's own environment; with a problem in it, every problem in one line and exit 64. */
  static Config fromEnvironment() {
    return Reading.orExit("broker-observer", Config::from);
  }

  /**
   * Every variable may also be given as NAME_FILE, the path of a file that holds the value.
   *
   * @throws IllegalArgumentException naming every missing or malformed variable
   */
  static Config from(Map<String, String> environment) {
    Reading reading = new Reading(environment);
    Config config =
        new Config(
            reading.natsUrl(),
            reading.required("NATS_USER"),
            reading.required("NATS_PASS"),
            Duration.ofSeconds(
                reading.between("POLL_INTERVAL_SECONDS", 1, 300, DEFAULT_POLL_INTERVAL_SECONDS)),
            reading.flag("BROKER_HOPS", "on", "off"),
            files("NATS_LOG_FILES", reading),
            reading.healthFile());
    reading.throwProblems();
    return config;
  }

  /** Written {@code name=path,name=path}. */
  private static Map<String, Path> files(String name, Reading reading) {
    Map<String, Path> files = new TreeMap<>();
    String value = reading.optional(name);
    for (String file : value == null ? new String[0] : value.split(",", -1)) {
      String[] nameAndPath = file.strip().split("=", 2);
      if (nameAndPath.length < 2 || nameAndPath[0].isEmpty() || nameAndPath[1].isEmpty()) {
        reading.problem(name + " is malformed: expected server=/path/to/its.log,server=...");
        return Map.of();
      }
      files.put(nameAndPath[0], Path.of(nameAndPath[1]));
    }
    return files;
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
}
