package dev.natschat.persist;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the environment says, checked as a whole.
 *
 * @param streamMaxBytes at which the stream refuses further messages
 * @param streamReplicas servers of a cluster that hold the stream; 1 without a cluster
 * @param ackWait after which the broker delivers an unacknowledged message again
 */
record Config(
    String natsUrl,
    String natsUser,
    String natsPass,
    String databaseUrl,
    String databaseUser,
    String databasePassword,
    long streamMaxBytes,
    int streamReplicas,
    Duration ackWait,
    @Nullable Path healthFile) {

  /** EX_USAGE of sysexits.h. */
  private static final int EXIT_USAGE = 64;

  private static final long MIB = 1024 * 1024;
  private static final long DEFAULT_STREAM_MAX_BYTES = 1024 * MIB;
  private static final long DEFAULT_ACK_WAIT_SECONDS = 30;
  private static final Pattern REPLICAS = Pattern.compile("[135]");
  private static final Pattern NATS_URLS =
      Pattern.compile("(nats|tls|ws|wss)://[^\\s,]+(,(nats|tls|ws|wss)://[^\\s,]+)*");
  private static final Pattern JDBC_URL = Pattern.compile("jdbc:postgresql://\\S+");

  /** The process's own environment; with a problem in it, every problem in one line and exit 64. */
  static Config fromEnvironment() {
    try {
      return from(System.getenv());
    } catch (IllegalArgumentException e) {
      System.err.println("persist-worker: " + e.getMessage());
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
            reading.matching("DATABASE_URL", JDBC_URL, "jdbc:postgresql://host:port/database"),
            reading.required("DATABASE_USER"),
            reading.required("DATABASE_PASSWORD"),
            reading.atLeast("STREAM_MAX_BYTES", MIB, DEFAULT_STREAM_MAX_BYTES),
            reading.replicas(),
            Duration.ofSeconds(reading.atLeast("ACK_WAIT_SECONDS", 1, DEFAULT_ACK_WAIT_SECONDS)),
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
        + ", database="
        + databaseUser
        + ":***@"
        + databaseUrl
        + ", streamMaxBytes="
        + streamMaxBytes
        + ", streamReplicas="
        + streamReplicas
        + ", ackWait="
        + ackWait
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

    /** An even number survives no more failures than the odd one below it. */
    int replicas() {
      String value = value("STREAM_REPLICAS");
      if (value != null && !REPLICAS.matcher(value).matches()) {
        problems.add("STREAM_REPLICAS is malformed: expected 1, 3 or 5");
        return 1;
      }
      return value == null ? 1 : Integer.parseInt(value);
    }

    long atLeast(String name, long least, long otherwise) {
      String value = value(name);
      if (value == null) {
        return otherwise;
      }
      try {
        long number = Long.parseLong(value);
        if (number >= least) {
          return number;
        }
      } catch (NumberFormatException e) {
        // said below
      }
      problems.add(name + " is malformed: expected a number, " + least + " or more");
      return otherwise;
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
