package dev.natschat.agent;

import io.nats.client.Message;
import io.nats.client.MessageHandler;
import org.jspecify.annotations.Nullable;

/**
 * The application's handler, with a span around each message. Whatever becomes of the span, the
 * handler is called.
 */
final class TracedHandler implements MessageHandler {
  private final MessageHandler handler;

  private TracedHandler(MessageHandler handler) {
    this.handler = handler;
  }

  static @Nullable MessageHandler around(@Nullable MessageHandler handler) {
    return handler == null || handler instanceof TracedHandler
        ? handler
        : new TracedHandler(handler);
  }

  @Override
  public void onMessage(Message message) throws InterruptedException {
    Processing processing = begin(message);
    Throwable thrown = null;
    try {
      handler.onMessage(message);
    } catch (Throwable failure) {
      thrown = failure;
      throw failure;
    } finally {
      end(processing, thrown);
    }
  }

  private static @Nullable Processing begin(Message message) {
    try {
      return Processing.inHandler(message);
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  private static void end(@Nullable Processing processing, @Nullable Throwable thrown) {
    try {
      if (processing != null) {
        processing.end(thrown);
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }
}
