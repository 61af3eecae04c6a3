package dev.natschat.agent;

import io.opentelemetry.sdk.common.CompletableResultCode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Exports a batch again and again until it is accepted or refused for good. It does so in the
 * thread that exports, which is the batch processor's own: meanwhile that processor's queue fills,
 * and what does not fit into it is dropped and counted there. A batch that may be too large, or
 * hold one item that is refused, is halved; so no batch stops the others for ever.
 *
 * <p>An answer may be lost on its way, and the batch then be accepted twice: at least once.
 *
 * @param <T> spans or log records
 */
final class RetryUntilAccepted<T> {
  private static final long FIRST_PAUSE_MILLIS = 250;
  private static final long LONGEST_PAUSE_MILLIS = 2000;

  /** Some servers do not answer at all to what is too large for them. */
  private static final int TRIES_AS_A_WHOLE = 5;

  /** At the JVM's end there is a limit also where a single try has none. */
  private static final long UNLIMITED_GRACE_MILLIS = 10_000;

  private static final long NANOS_BETWEEN_LINES = TimeUnit.MINUTES.toNanos(1);
  private static final Logger logger = Logger.getLogger("dev.natschat.agent");

  private final String signal;
  private final Function<Collection<T>, CompletableResultCode> exporter;
  private final long attemptMillis;
  private final @Nullable Exit exit;
  private @Nullable ExportMetrics metrics;
  private long lostUnsaid;
  private long nextLine = System.nanoTime();
  private boolean waiting;
  private long nextWaiting = System.nanoTime();

  /**
   * Waits in a batch processor's thread alone, and gives up some time after the JVM's end has
   * begun.
   *
   * @param signal traces or logs
   * @param timeout the exporter's own; as long is tried again after the JVM's end has begun
   */
  static <T> RetryUntilAccepted<T> untilExit(
      String signal, Function<Collection<T>, CompletableResultCode> exporter, Duration timeout) {
    return new RetryUntilAccepted<>(signal, exporter, timeout, new Exit(graceMillis(timeout)));
  }

  /** Waits in any thread, and gives up when it is interrupted: what then is left, is not lost. */
  static <T> RetryUntilAccepted<T> untilInterrupted(
      String signal, Function<Collection<T>, CompletableResultCode> exporter, Duration timeout) {
    return new RetryUntilAccepted<>(signal, exporter, timeout, null);
  }

  private static long graceMillis(Duration timeout) {
    return timeout.isZero() ? UNLIMITED_GRACE_MILLIS : timeout.toMillis();
  }

  private RetryUntilAccepted(
      String signal,
      Function<Collection<T>, CompletableResultCode> exporter,
      Duration timeout,
      @Nullable Exit exit) {
    this.signal = signal;
    this.exporter = exporter;
    // The exporter ends by itself; one that does not is left. 0 is no limit.
    attemptMillis = timeout.isZero() ? Long.MAX_VALUE : 2 * timeout.toMillis();
    this.exit = exit;
  }

  /** Successful if every item was accepted. Throws nothing. */
  CompletableResultCode export(Collection<T> batch) {
    try {
      if (!mayWait()) {
        return exporter.apply(batch);
      }
      if (metrics == null) {
        metrics = new ExportMetrics(signal);
      }
      return deliver(batch, FIRST_PAUSE_MILLIS, metrics)
          ? CompletableResultCode.ofSuccess()
          : CompletableResultCode.ofFailure();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return CompletableResultCode.ofExceptionalFailure(e);
    } catch (Throwable fault) { // an SDK with other classes of failures, too
      Faults.report(fault);
      if (metrics != null) {
        metrics.lost(batch.size());
      }
      return CompletableResultCode.ofExceptionalFailure(fault);
    }
  }

  /** In a batch processor's thread. Others export in the threads of the application. */
  private boolean mayWait() {
    return exit == null || Thread.currentThread().getName().contains("_WorkerThread");
  }

  private boolean deliver(Collection<T> batch, long firstPause, ExportMetrics metrics)
      throws InterruptedException {
    long pause = firstPause;
    for (int tries = 1; exit == null || !exit.isOver(); tries++) {
      Verdict verdict = attempt(batch);
      if (verdict == Verdict.ACCEPTED) {
        sayAccepted();
        return true;
      }
      boolean alone = batch.size() == 1;
      if (verdict == Verdict.REFUSED || (verdict == Verdict.DOUBTFUL && alone)) {
        break;
      }
      metrics.again();
      if (verdict == Verdict.LATER) {
        sayWaiting();
      }
      Exit.pause(pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
      if (!alone && (verdict == Verdict.DOUBTFUL || tries == TRIES_AS_A_WHOLE)) {
        List<T> all = new ArrayList<>(batch);
        int half = all.size() / 2;
        boolean first = deliver(all.subList(0, half), pause, metrics);
        boolean second = deliver(all.subList(half, all.size()), pause, metrics);
        return first && second;
      }
    }
    metrics.lost(batch.size());
    say(batch.size());
    return false;
  }

  private Verdict attempt(Collection<T> batch) {
    CompletableResultCode result = exporter.apply(batch);
    result.join(attemptMillis, TimeUnit.MILLISECONDS);
    return result.isDone() ? Verdict.of(result) : Verdict.LATER;
  }

  /** One line a minute, and each at the end: why is in the exporter's own line. */
  private void say(int lost) {
    lostUnsaid += lost;
    if (Exit.hasBegun() || System.nanoTime() - nextLine >= 0) {
      logger.warning(
          lostUnsaid
              + " "
              + items()
              + (Exit.hasBegun() ? " were not accepted before the end" : " were refused")
              + " and are lost.");
      lostUnsaid = 0;
      nextLine = System.nanoTime() + NANOS_BETWEEN_LINES;
    }
  }

  /**
   * The exporter's own line says "Failed to export", as if they were lost. Once while nothing is
   * accepted, and not more than once a minute.
   */
  private void sayWaiting() {
    if (!waiting && System.nanoTime() - nextWaiting >= 0) {
      waiting = true;
      nextWaiting = System.nanoTime() + NANOS_BETWEEN_LINES;
      logger.warning("The " + items() + " are kept, and sent again until they are accepted.");
    }
  }

  private void sayAccepted() {
    if (waiting) {
      waiting = false;
      logger.info("The " + items() + " are accepted again.");
    }
  }

  private String items() {
    return signal.equals("traces") ? "spans" : "log records";
  }
}
