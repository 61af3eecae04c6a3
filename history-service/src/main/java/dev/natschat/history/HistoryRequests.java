package dev.natschat.history;

import dev.natschat.history.RequestFailed.Kind;
import dev.natschat.history.Workers.Turn;
import dev.natschat.service.LinesPerSecond;
import io.nats.client.Connection;
import io.nats.client.Message;
import io.nats.client.MessageHandler;
import io.nats.client.impl.Headers;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers one request for the history of the room that its subject names. */
final class HistoryRequests implements MessageHandler {
  static final String SUBJECT = "chat.history.*";

  /** As long as clients wait for an answer: nobody reads what comes later. */
  static final Duration PATIENCE = Duration.ofSeconds(2);

  /** What the agent puts into an answer's headers: trace context and baggage. */
  static final int ROOM_FOR_HEADERS = 1024;

  private static final Logger log = LoggerFactory.getLogger(HistoryRequests.class);
  private static final int PREFIX_LENGTH = "chat.history.".length();

  private final MessageStore store;
  private final Workers workers;
  private final Metrics metrics;
  private final LinesPerSecond answers = new LinesPerSecond(10);
  private final LinesPerSecond warnings = new LinesPerSecond(1);

  HistoryRequests(MessageStore store, Workers workers, Metrics metrics) {
    this.store = store;
    this.workers = workers;
    this.metrics = metrics;
  }

  /**
   * @throws RequestFailed after the requester was sent an error: for the span, which then says so
   */
  @Override
  public void onMessage(Message request) {
    if (request.getReplyTo() == null) {
      return; // nobody to answer
    }
    Turn turn = workers.turn();
    try {
      answer(request, turn);
      metrics.answered(turn);
    } catch (RuntimeException e) {
      RequestFailed failed =
          e instanceof RequestFailed known ? known : new RequestFailed(Kind.INTERNAL, e);
      metrics.failed(failed.kind(), turn);
      warn(failed, answerWithError(request, failed));
      throw failed;
    }
  }

  private void answer(Message request, Turn turn) {
    if (turn.foundNoPlace() || System.nanoTime() - turn.arrivedAt() > PATIENCE.toNanos()) {
      throw new RequestFailed(Kind.OVERLOADED, null);
    }
    String room = request.getSubject().substring(PREFIX_LENGTH);
    Connection nats = request.getConnection();
    byte[] body = Answer.of(store.newest(room), nats.getMaxPayload() - ROOM_FOR_HEADERS);
    nats.publish(request.getReplyTo(), body);
    if (answers.take() || log.isDebugEnabled()) {
      log.atInfo().addKeyValue("room", room).addKeyValue("bytes", body.length).log("Answered");
    }
  }

  /**
   * Headers as NATS' service protocol has them (ADR-32); a body that every client can parse. False
   * if that could not be sent, either.
   */
  private static boolean answerWithError(Message request, RequestFailed failed) {
    Headers headers =
        new Headers()
            .put("Nats-Service-Error", failed.kind().message())
            .put("Nats-Service-Error-Code", Integer.toString(failed.kind().code()));
    try {
      request.getConnection().publish(request.getReplyTo(), headers, Answer.EMPTY);
      return true;
    } catch (RuntimeException unsent) { // the connection is closed, or its buffer is full
      return false;
    }
  }

  /** Failures come by the thousand: the metric counts them all, the log shows one a second. */
  private void warn(RequestFailed failed, boolean answered) {
    if (warnings.take()) {
      log.atWarn()
          .addKeyValue("error.type", failed.kind().errorType())
          .setCause(failed.getCause())
          .log(
              answered ? "Answered with an error: {}" : "Not even an error could be sent: {}",
              failed.getMessage());
    }
  }
}
