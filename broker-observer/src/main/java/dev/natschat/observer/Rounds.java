package dev.natschat.observer;

import io.nats.client.Connection;
import io.nats.client.Connection.Status;
import io.nats.client.Message;
import io.nats.client.Subscription;
import io.opentelemetry.api.common.Attributes;
import java.io.IOException;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks every server every question, again and again, on one thread. */
final class Rounds {
  private static final Logger log = LoggerFactory.getLogger(Rounds.class);

  /** For the answers of a round, when not all have come; half the interval if that is less. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private static final int UNREAD_ANSWERS = 10_000;
  private static final int UNREAD_BYTES = 4 * Answer.MAX_BYTES;

  private final Connection nats;
  private final Metrics metrics;
  private final Duration interval;
  private final long patience;
  private final String inbox;
  private final Subscription answers;
  private final Counters counters = new Counters(System::nanoTime);
  private final Statistics statistics = new Statistics(counters);
  private final Roster roster = new Roster(System::nanoTime);
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "rounds"));

  private long round;
  private int malformed;
  private boolean malformedBefore;
  private volatile long heardAt;
  private volatile boolean heard;

  Rounds(Connection nats, Metrics metrics, Duration interval) {
    this.nats = nats;
    this.metrics = metrics;
    this.interval = interval;
    this.patience = Math.min(PATIENCE.toNanos(), interval.toNanos() / 2);
    this.inbox = nats.createInbox() + ".";
    this.answers = nats.subscribe(inbox + "*.*");
    answers.setPendingLimits(UNREAD_ANSWERS, UNREAD_BYTES);
    Future<?> unused =
        timer.scheduleAtFixedRate(this::round, 0, interval.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Whether a server has answered lately. */
  boolean isHearing() {
    return heard && System.nanoTime() - heardAt < 3 * interval.toNanos() + patience;
  }

  private void round() {
    Measurements measurements = new Measurements();
    try {
      ask();
      listen(measurements);
    } catch (IllegalStateException e) {
      log.debug("The connection was lost within a round", e);
    } catch (InterruptedException e) {
      return; // closing
    } catch (RuntimeException e) {
      log.error("A round of questions failed; what it has brought is used", e);
    }
    measurements.put(Metric.ANSWERS_MALFORMED, Attributes.empty(), malformed);
    heard = roster.endRound(measurements) > 0;
    heardAt = System.nanoTime();
    counters.prune();
    metrics.show(measurements);
  }

  private void ask() {
    round++;
    if (nats.getStatus() == Status.CONNECTED) {
      for (Question question : Question.values()) {
        nats.publish(question.subject, inbox + round + "." + question, question.payload());
      }
    }
  }

  /** Until every server has answered everything, or the patience is at its end. */
  private void listen(Measurements into) throws InterruptedException {
    long deadline = System.nanoTime() + patience;
    Map<Question, Integer> answered = new EnumMap<>(Question.class);
    int servers = Integer.MAX_VALUE;
    boolean malformedNow = false;
    for (long left = patience; left > 0; left = deadline - System.nanoTime()) {
      Message message = answers.nextMessage(Duration.ofNanos(left));
      if (message == null) {
        break;
      }
      String[] about = message.getSubject().substring(inbox.length()).split("\\.", -1);
      if (!about[0].equals(String.valueOf(round))) {
        continue; // too late
      }
      try {
        Answer answer = Answer.read(Question.valueOf(about[1]), message);
        roster.heard(answer);
        statistics.read(answer, into);
        answered.merge(answer.question(), 1, Integer::sum);
        if (answer.question() == Question.STATSZ) {
          servers = answer.data().path("active_servers").asInt(servers);
        }
      } catch (IOException | RuntimeException e) {
        malformed++;
        if (!malformedBefore && !malformedNow) {
          log.warn("Cannot read an answer to {}: {}", about[1], e.toString());
        }
        malformedNow = true;
      }
      if (allHaveAnswered(answered, servers)) {
        break;
      }
    }
    malformedBefore = malformedNow;
  }

  private static boolean allHaveAnswered(Map<Question, Integer> answered, int servers) {
    for (Question question : Question.values()) {
      if (answered.getOrDefault(question, 0) < servers) {
        return false;
      }
    }
    return true;
  }

  /** Lets the round under way come to its end. */
  void stop() throws InterruptedException {
    timer.shutdown();
    if (!timer.awaitTermination(2 * patience, TimeUnit.NANOSECONDS)) {
      timer.shutdownNow();
    }
  }
}
