package dev.natschat.history;

import dev.natschat.service.Reading;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the environment says, checked as a whole.
 *
 * @param workers requests answered at once, each with a database connection of its own
 */
record Config(
    String natsUrl,
    String natsUser,
    String natsPass,
    String databaseUrl,
    String databaseUser,
    String databasePassword,
    int workers,
    @Nullable Path healthFile) {

  private static final int DEFAULT_WORKERS = 8;

  /** The process's own environment; with a problem in it, every problem in one line and exit 64. */
  static Config fromEnvironment() {
    return Reading.orExit("history-service", Config::from);
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
            reading.between("HISTORY_WORKERS", 1, 256, DEFAULT_WORKERS),
            reading.healthFile());
    reading.throwProblems();
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
        + ", workers="
        + workers
        + "]";
  }
}
