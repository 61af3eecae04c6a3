package dev.natschat.chaos;

import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Something that goes wrong for a while.
 *
 * @param targets no other fault befalls the same meanwhile; {@link #EVERYTHING} waits for a moment
 *     without any, and ends by itself
 * @param end called when the time is over
 */
record Fault(
    String name, Set<String> targets, long leastMillis, long mostMillis, Step begin, Step end) {

  static final String EVERYTHING = "everything";

  private static final long HALF_A_SECOND = 500;

  interface Step {
    void run() throws Exception;
  }

  static Fault kill(Program program) {
    return new Fault(
        "kill -9 " + program.name(),
        Set.of(program.name()),
        0,
        2500,
        program::kill,
        program::start);
  }

  static Fault stall(Program program) {
    long ackWait = 1000L * Rig.ACK_WAIT_SECONDS;
    return new Fault(
        "SIGSTOP " + program.name(),
        Set.of(program.name()),
        ackWait + 500,
        ackWait + 4000,
        program::stall,
        program::resume);
  }

  /** While the workers wait for a commit: the moment in which too early an ack loses messages. */
  static Fault killInCommit(Program program, Program postgres) {
    return new Fault(
        "kill -9 " + program.name() + " amid a commit",
        Set.of(program.name(), postgres.name()),
        0,
        2500,
        () -> {
          postgres.stall();
          TimeUnit.MILLISECONDS.sleep(HALF_A_SECOND);
          program.kill();
          postgres.resume();
        },
        program::start);
  }

  static Fault alone(String name, Step step) {
    return new Fault(name, Set.of(EVERYTHING), 0, 0, step, () -> {});
  }

  long millis(Random random) {
    return leastMillis + random.nextInt((int) (mostMillis - leastMillis) + 1);
  }
}
