package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.natschat.auth.Metrics.Result;
import dev.natschat.auth.Refusal.Reason;
import io.nats.client.Connection;
import io.nats.client.Dispatcher;
import io.nats.client.Message;
import io.nats.client.impl.Headers;
import io.opentelemetry.extension.annotations.SpanAttribute;
import io.opentelemetry.extension.annotations.WithSpan;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers the broker's question who a connecting client is (<a
 * href="https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_callout">auth
 * callout</a>). The methods with {@code @WithSpan} are the steps that a trace shows; a step that
 * fails throws, so its span is an error.
 */
@SuppressWarnings({
  "deprecation", // of these annotations in favour of others that the agent knows as well
  "try" // closing waits, and may be interrupted
})
final class Callout implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Callout.class);
  private static final String SUBJECT = "$SYS.REQ.USER.AUTH";
  private static final String QUEUE_GROUP = "auth-service";
  private static final String XKEY_HEADER = "Nats-Server-Xkey";

  /** About a second's worth. Who comes when so many wait is refused at once. */
  private static final int MAX_WAITING = 1000;

  /**
   * Of what nobody has looked at yet, beside as many that wait: a request with a CONNECT as long as
   * the broker takes it (max_control_line in nats.conf) has 22 KB.
   */
  private static final long MAX_UNREAD_BYTES = 8L * 1024 * 1024;

  private static final Duration DRAIN = Duration.ofSeconds(3);

  /** A question whose sender is known, so that it can be answered. */
  private record Question(AuthRequest request, String replyTo, long start) {
    boolean isTooLate() {
      return TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start) >= request.patience();
    }
  }

  private final BoundedLog refusals = new BoundedLog(log);
  private final ThreadPoolExecutor workers = newWorkers();
  private final Connection nats;
  private final Xkey xkey;
  private final Requests requests;
  private final Jwks keys;
  private final TokenValidator validator;
  private final Issuer issuer;
  private final Grants grants;
  private final Metrics metrics;
  private final Dispatcher dispatcher;

  /** On the dispatcher's thread only. */
  private long dropped;

  Callout(
      Connection nats,
      Xkey xkey,
      Jwks keys,
      TokenValidator validator,
      Issuer issuer,
      Grants grants,
      Metrics metrics) {
    this.nats = nats;
    this.xkey = xkey;
    requests = new Requests(xkey);
    this.keys = keys;
    this.validator = validator;
    this.issuer = issuer;
    this.grants = grants;
    this.metrics = metrics;
    dispatcher = nats.createDispatcher(this::accept);
    dispatcher.setPendingLimits(MAX_WAITING, MAX_UNREAD_BYTES);
    dispatcher.subscribe(SUBJECT, QUEUE_GROUP);
  }

  private static ThreadPoolExecutor newWorkers() {
    int threads = Math.max(4, Runtime.getRuntime().availableProcessors());
    AtomicInteger number = new AtomicInteger();
    return new ThreadPoolExecutor(
        threads,
        threads,
        0,
        TimeUnit.SECONDS,
        new ArrayBlockingQueue<>(MAX_WAITING),
        task -> new Thread(task, "callout-" + number.incrementAndGet()));
  }

  private void accept(Message message) {
    long start = System.nanoTime();
    countDropped();
    try {
      workers.execute(() -> answer(message, start));
    } catch (RejectedExecutionException full) {
      Question question = read(message, start);
      if (question != null) {
        refuse(question, new Refusal(Reason.TOO_MANY));
      }
    }
  }

  /** Of what was dropped behind other requests; these are accepted afterwards. */
  private void countDropped() {
    long now = dispatcher.getDroppedCount();
    if (now > dropped) {
      metrics.dropped(now - dropped);
      dropped = now;
    }
  }

  private void answer(Message message, long start) {
    Question question = read(message, start);
    if (question != null) {
      decide(question, true);
    }
  }

  /**
   * Null if it cannot be read: then nobody knows whom to answer, and the broker's timeout has to
   * do.
   */
  private @Nullable Question read(Message message, long start) {
    try {
      return new Question(decrypt(message), message.getReplyTo(), start);
    } catch (RuntimeException e) {
      refusals.warn("cannot read a request of the broker: {}", e.toString());
      metrics.answered(Result.ERROR, start);
      metrics.refused(Reason.UNREADABLE);
      return null;
    }
  }

  private void decide(Question question, boolean mayAskKeycloak) {
    if (question.isTooLate()) {
      // The broker has turned the client away. Working on it would make the next ones late, too.
      refusals.warn("too late for an answer: {}", question.request);
      metrics.answered(Result.ERROR, question.start);
      metrics.refused(Reason.TOO_LATE);
      return;
    }
    try {
      ChatUser user = validateToken(question.request);
      String userJwt = mapPermissions(question.request, user);
      respond(question, Result.AUTHORIZED, issuer.admission(question.request, userJwt));
      log.info("let {} in: {}", user.name(), question.request);
    } catch (Refusal refusal) {
      if (refusal.reason() == Reason.UNKNOWN_KEY && mayAskKeycloak) {
        decideAfterAskingKeycloak(question);
      } else {
        refuse(question, refusal);
      }
    } catch (RuntimeException bug) {
      refusals.error("cannot answer {}", question.request, bug);
      refuse(question, new Refusal(Reason.INTERNAL));
    }
  }

  private void decideAfterAskingKeycloak(Question question) {
    try {
      keys.askAgainThen(() -> decide(question, false));
    } catch (RejectedExecutionException full) {
      refuse(question, new Refusal(Reason.TOO_MANY_UNKNOWN_KEYS));
    }
  }

  private void refuse(Question question, Refusal refusal) {
    Reason reason = refusal.reason();
    try {
      respond(question, reason.result(), issuer.refusal(question.request, reason.text()));
    } catch (RuntimeException unsent) { // the connection is closed, or its buffer is full
      metrics.answered(Result.ERROR, question.start);
      refusals.warn("cannot send an answer: {}", unsent.toString());
    }
    metrics.refused(reason);
    refusals.warn("refused: {}: {}", question.request, reason.text());
  }

  @WithSpan("decrypt")
  AuthRequest decrypt(Message message) {
    Headers headers = message.getHeaders();
    String sender = headers == null ? null : headers.getFirst(XKEY_HEADER);
    if (sender == null) {
      throw new IllegalArgumentException("not encrypted");
    }
    return requests.open(message.getData(), sender);
  }

  @WithSpan("validate token")
  ChatUser validateToken(AuthRequest request) throws Refusal {
    if (!request.isChatClient()) {
      throw new Refusal(Reason.NOT_A_CHAT_CLIENT);
    }
    return validator.validate(request.token());
  }

  @WithSpan("map permissions")
  String mapPermissions(AuthRequest request, ChatUser user) {
    return issuer.userJwt(request, user, Permissions.of(user, grants));
  }

  @WithSpan("respond")
  void respond(Question question, @SpanAttribute("auth.result") Result result, String response) {
    nats.publish(
        question.replyTo, xkey.seal(response.getBytes(US_ASCII), question.request.serverXkey()));
    metrics.answered(result, question.start);
  }

  /** Answers what was asked already; the queue group's other members get the rest. */
  @Override
  public void close() throws InterruptedException {
    try {
      dispatcher.drain(DRAIN).get(DRAIN.toMillis(), TimeUnit.MILLISECONDS);
      workers.shutdown();
      if (!workers.awaitTermination(DRAIN.toMillis(), TimeUnit.MILLISECONDS)) {
        log.warn("{} requests were left without an answer", workers.shutdownNow().size());
      }
      nats.flush(DRAIN);
    } catch (ExecutionException | TimeoutException | IllegalStateException e) { // closed already
      log.warn("not drained: {}", e.toString());
    } finally {
      workers.shutdownNow(); // their threads would keep the process alive
    }
  }
}
