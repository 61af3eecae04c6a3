package dev.natschat.persist;

import dev.natschat.service.Reading;
import java.nio.file.Path;
import java.time.Duration;
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

  private static final long MIB = 1024 * 1024;
  private static final long DEFAULT_STREAM_MAX_BYTES = 1024 * MIB;
  private static final int DEFAULT_ACK_WAIT_SECONDS = 30;
  private static final int MAX_ACK_WAIT_SECONDS = 24 * 60 * 60;
  private static final Pattern REPLICAS = Pattern.compile("[135]");

  /** The process's own environment; with a problem in it, every problem in one line and exit 64. */
  static Config fromEnvironment() {
    return Reading.orExit("persist-worker", Config::from);
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
            reading.databaseUrl(),
            reading.required("DATABASE_USER"),
            reading.required("DATABASE_PASSWORD"),
            reading.atLeast("STREAM_MAX_BYTES", MIB, DEFAULT_STREAM_MAX_BYTES),
            replicas(reading),
            Duration.ofSeconds(
                reading.between(
                    "ACK_WAIT_SECONDS", 1, MAX_ACK_WAIT_SECONDS, DEFAULT_ACK_WAIT_SECONDS)),
            reading.healthFile());
    reading.throwProblems();
    return config;
  }

  /** An even number survives no more failures than the odd one below it. */
  private static int replicas(Reading reading) {
    String value = reading.optional("STREAM_REPLICAS");
    if (value != null && !REPLICAS.matcher(value).matches()) {
      reading.problem("STREAM_REPLICAS is malformed: expected 1, 3 or 5");
      return 1;
    }
    return value == null ? 1 : Integer.parseInt(value);
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
}
