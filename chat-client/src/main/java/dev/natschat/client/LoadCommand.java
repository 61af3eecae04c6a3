package dev.natschat.client;

import dev.natschat.client.ChatException.Kind;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "load",
    description = {
      "Says many things at a steady rate, and counts what the stream accepted.",
      "A message is accepted only with its acknowledgement (PubAck)."
    },
    mixinStandardHelpOptions = true)
final class LoadCommand implements Callable<Integer> {
  private static final long MAX_MESSAGES = 100_000_000;
  private static final Duration FOREVER = Duration.ofDays(36_500);
  private static final long LOOK_NANOS = 100_000_000; // whether it was stopped meanwhile

  @SuppressWarnings("NullAway.Init") // picocli sets it before it calls
  @Spec
  CommandSpec spec;

  @Mixin final Servers servers = new Servers();
  @Mixin final Credentials credentials = new Credentials();

  @Option(
      names = "--rate",
      paramLabel = "N",
      defaultValue = "100",
      description = "Messages a second (default: ${DEFAULT-VALUE}).")
  int rate;

  @Option(names = "--count", paramLabel = "N", description = "Stop after so many messages.")
  @Nullable Long count;

  @Option(
      names = "--duration",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description =
          "Stop after so long, when no --count is given, even if fewer than rate x duration were sent (default: ${DEFAULT-VALUE}).")
  int duration;

  @Option(
      names = "--rooms",
      paramLabel = "N",
      defaultValue = "10",
      description = "Rooms load-1 to load-N, in turn (default: ${DEFAULT-VALUE}).")
  int rooms;

  @Option(
      names = "--size",
      paramLabel = "BYTES",
      defaultValue = "64",
      description = "Length of each text, up to 16384 (default: ${DEFAULT-VALUE}).")
  int size;

  @Option(
      names = "--in-flight",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Messages that may wait for their acknowledgement (default: ${DEFAULT-VALUE}).")
  int inFlight;

  private final CountDownLatch stopped = new CountDownLatch(1);
  private final CountDownLatch reported = new CountDownLatch(1);
  private long sent;

  @Override
  public Integer call() throws InterruptedException {
    between("--rate", rate, 1, 1_000_000);
    between("--duration", duration, 1, 7 * 24 * 3600);
    between("--rooms", rooms, 1, 100_000);
    between("--size", size, 1, 16 * 1024);
    between("--in-flight", inFlight, 1, 100_000);
    long total = count != null ? count : (long) rate * duration;
    between("the number of messages", total, 1, MAX_MESSAGES);
    Tally tally = new Tally();
    try (Chat chat = credentials.logIn(servers)) {
      Runtime.getRuntime().addShutdownHook(new Thread(this::stop, "shutdown"));
      long start = System.nanoTime();
      try (ProgressBar bar = progressBar(total)) {
        say(chat, total, tally, bar);
      } finally {
        report(tally, total, (System.nanoTime() - start) / 1e9);
      }
    } finally {
      reported.countDown();
    }
    return tally.accepted() == sent ? 0 : Kind.FAILED.exitCode();
  }

  /** Upon Ctrl-C, too: the JVM ends when the report is made. */
  private void stop() {
    stopped.countDown();
    try {
      reported.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void say(Chat chat, long total, Tally tally, ProgressBar bar)
      throws InterruptedException {
    Semaphore free = new Semaphore(inFlight);
    String text = "x".repeat(size);
    long start = System.nanoTime();
    long end = start + (count != null ? FOREVER : Duration.ofSeconds(duration)).toNanos();
    for (long i = 0; i < total; i++) {
      long due = start + (long) (i * 1e9 / rate);
      if (stopped.await(due - System.nanoTime(), TimeUnit.NANOSECONDS) || !mayGoOn(free, end)) {
        break;
      }
      sent++;
      CompletableFuture<?> unused =
          chat.publish("load-" + (1 + i % rooms), text)
              .whenComplete(
                  (ack, failure) -> {
                    tally.add(System.nanoTime() - due, failure);
                    bar.step();
                    free.release();
                  });
    }
    free.acquire(inFlight); // all are answered, or have waited their time
  }

  private void report(Tally tally, long total, double seconds) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        Locale.ROOT,
        "accepted  %,d of %,d in %.1f s: %,.0f messages/s%n",
        tally.accepted(),
        sent,
        seconds,
        tally.accepted() / seconds);
    tally
        .failures()
        .forEach((reason, times) -> out.printf(Locale.ROOT, "failed    %,d: %s%n", times, reason));
    if (sent < total) {
      out.printf(
          Locale.ROOT,
          "not sent  %,d: it was %s%n",
          total - sent,
          stopped.getCount() == 0 ? "stopped" : "slower than --rate");
    }
    if (tally.accepted() > 0) {
      out.printf(
          Locale.ROOT,
          "due to acknowledged  p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, longest %.1f ms%n",
          tally.latencyMillis(.5),
          tally.latencyMillis(.95),
          tally.latencyMillis(.99),
          tally.latencyMillis(1));
    }
  }

  private static ProgressBar progressBar(long total) {
    return new ProgressBarBuilder()
        .setTaskName("messages")
        .setInitialMax(total)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(500)
        .setConsumer(new ConsoleProgressBarConsumer(System.err, 79))
        .showSpeed()
        .build();
  }

  /** Waits for one of the messages in flight to be answered; false when it is time to stop. */
  private boolean mayGoOn(Semaphore free, long end) throws InterruptedException {
    for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
      if (free.tryAcquire(Math.min(left, LOOK_NANOS), TimeUnit.NANOSECONDS)) {
        return true;
      }
      if (stopped.getCount() == 0) {
        break;
      }
    }
    return false;
  }

  private static void between(String name, long value, long least, long most) {
    if (value < least || value > most) {
      throw new ChatException(
          Kind.USAGE, "%s is %d: expected %d to %d".formatted(name, value, least, most));
    }
  }
}
