package dev.natschat.agent;

import io.nats.client.Connection;
import io.nats.client.JetStreamOptions;
import io.nats.client.JetStreamSubscription;
import io.nats.client.KeyValue;
import io.nats.client.Message;
import io.nats.client.MessageHandler;
import io.nats.client.ObjectStore;
import io.nats.client.SubscribeOptions;
import io.nats.client.api.MessageInfo;
import io.nats.client.api.ObjectInfo;
import io.nats.client.api.PublishAck;
import io.nats.client.impl.AckType;
import io.nats.client.impl.Headers;
import io.nats.client.support.NatsRequestCompletableFuture;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.io.OutputStream;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * What the advices call; public because the agent may inline them into jnats. Whatever goes wrong
 * behind it ends here.
 */
public final class Hooks {
  private static final int NO_RESPONDERS = 503;

  private Hooks() {}

  public static Object @Nullable [] publishBegins(
      Connection connection,
      @Nullable String subject,
      @Nullable String replyTo,
      @Nullable Headers headers,
      byte @Nullable [] body) {
    try {
      return Sending.write(connection, subject, replyTo, headers, body);
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  public static void publishEnds(Object @Nullable [] begun, @Nullable Throwable thrown) {
    try {
      if (begun != null && begun[1] != null) {
        ((Sending) begun[1]).endWrite(thrown);
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void discarded() {
    try {
      Discards.note();
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static @Nullable Object requestBegins(
      Connection connection,
      @Nullable String subject,
      byte @Nullable [] body,
      boolean callerWaits) {
    try {
      return Sending.begin(Operation.REQUEST, callerWaits, connection, subject, body);
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  public static void requestEnds(
      @Nullable Object begun, @Nullable Message reply, @Nullable Throwable thrown) {
    if (begun == null) {
      return;
    }
    try {
      ((Sending) begun).leave();
      ((Sending) begun).endRequest(reply, thrown);
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void requestFutureReturned(
      @Nullable Object begun,
      @Nullable CompletableFuture<Message> future,
      @Nullable Throwable thrown) {
    if (begun == null) {
      return;
    }
    try {
      ((Sending) begun).leave();
      if (future == null) {
        ((Sending) begun).end(thrown);
      } else {
        ((Sending) begun).endWhenReplied(future);
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static @Nullable Object jetStreamPublishBegins(
      @Nullable String subject, byte @Nullable [] body, boolean callerWaits) {
    try {
      return Sending.begin(Operation.PUBLISH, callerWaits, null, subject, body);
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  public static void jetStreamPublishEnds(
      @Nullable Object begun, @Nullable PublishAck ack, @Nullable Throwable thrown) {
    if (begun == null) {
      return;
    }
    try {
      ((Sending) begun).leave();
      ((Sending) begun).endPublish(ack, thrown);
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void jetStreamPublishReturned(
      @Nullable Object begun,
      @Nullable CompletableFuture<PublishAck> future,
      @Nullable Throwable thrown) {
    if (begun == null) {
      return;
    }
    try {
      ((Sending) begun).leave();
      if (future == null) {
        ((Sending) begun).endPublish(null, thrown);
      } else {
        ((Sending) begun).endWhenAcknowledged(future);
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void requestCreated(NatsRequestCompletableFuture future) {
    try {
      Sending.created(future);
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static @Nullable MessageHandler handlerSubscribes(@Nullable MessageHandler handler) {
    try {
      return TracedHandler.around(handler);
    } catch (Throwable fault) {
      Faults.report(fault);
      return handler;
    }
  }

  /** Callbacks of the future run in the context of whoever made the request. */
  public static @Nullable Scope replyArrives(
      Message reply, Map<String, NatsRequestCompletableFuture> awaiting) {
    try {
      String subject = reply.getSubject();
      NatsRequestCompletableFuture future =
          awaiting.get(subject.substring(subject.lastIndexOf('.') + 1));
      if (future == null) {
        future = awaiting.get(reply.getSID()); // old style: one subscription per request
      }
      if (future == null) {
        return null;
      }
      Sending sending = Sending.of(future);
      if (sending != null
          && reply.isStatusMessage()
          && reply.getStatus().getCode() == NO_RESPONDERS) {
        sending.noResponders();
      }
      return callbacksOf(future);
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed when the hooked method returns
  public static @Nullable Scope callbacksOf(NatsRequestCompletableFuture future) {
    try {
      Sending sending = Sending.of(future);
      if (sending == null || !sending.hasCallbacks()) {
        return null;
      }
      sending.completes();
      return sending.caller.makeCurrent();
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  /** A thread of jnats outlives the call that started it, so it starts in no context. */
  @SuppressWarnings("MustBeClosedChecker") // closed when the hooked method returns
  public static @Nullable Scope threadRuns() {
    try {
      return Context.root().makeCurrent();
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  public static void close(@Nullable Scope scope) {
    try {
      if (scope != null) {
        scope.close();
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  /** By System.nanoTime; 0 where nobody wants to know. */
  public static long waitsForMessage() {
    try {
      return Receipt.isMeasured() ? System.nanoTime() : 0;
    } catch (Throwable fault) {
      Faults.report(fault);
      return 0;
    }
  }

  /**
   * A message came that was waited for.
   *
   * @param subscription the id of the subscription now
   */
  public static void received(
      @Nullable Message message, long waitingSince, @Nullable String subscription) {
    try {
      if (message != null) {
        Receipt.note(message, waitingSince, subscription);
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void subscribed(
      @Nullable JetStreamSubscription subscription,
      @Nullable SubscribeOptions push,
      @Nullable SubscribeOptions pull) {
    try {
      Unacknowledged.note(subscription, pull == null ? push : pull);
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void jetStreamOpens(@Nullable JetStreamOptions options) {
    try {
      if (options != null) {
        Subjects.learnApiPrefix(options.getPrefix());
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static @Nullable Object valueIsAskedFor(KeyValue bucket, @Nullable String key) {
    try {
      return Retrieval.ofValue(bucket.getBucketName(), key);
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  public static @Nullable Object objectIsAskedFor(
      ObjectStore bucket, @Nullable OutputStream target) {
    try {
      return Retrieval.ofObject(bucket.getBucketName(), target);
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  public static void retrieved(@Nullable MessageInfo stored) {
    try {
      Retrieval.found(stored);
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  /** False within another one. */
  public static boolean bucketIsListed() {
    try {
      return Receipt.beginListing();
    } catch (Throwable fault) {
      Faults.report(fault);
      return false;
    }
  }

  public static void bucketWasListed(boolean begun) {
    try {
      if (begun) {
        Receipt.endListing();
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void retrievalEnds(
      @Nullable Object begun, @Nullable ObjectInfo info, @Nullable Throwable thrown) {
    try {
      if (begun != null) {
        ((Retrieval) begun).end(info, thrown);
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static @Nullable Object objectIsPut(ObjectStore bucket) {
    try {
      return Sending.beginObject(bucket.getBucketName());
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  public static void objectPutEnds(
      @Nullable Object begun, @Nullable ObjectInfo info, @Nullable Throwable thrown) {
    if (begun == null) {
      return;
    }
    try {
      ((Sending) begun).leave();
      ((Sending) begun).endObject(info, thrown);
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void connects(Connection connection) {
    try {
      Connections.opens(connection);
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void connectEnds(Connection connection, @Nullable Throwable thrown) {
    try {
      if (thrown != null) {
        Connections.failed(connection);
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void closed(Connection connection) {
    try {
      Connections.closed(connection);
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static void slowConsumer(Connection connection) {
    try {
      Connections.slowConsumer(connection);
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static @Nullable Object settlementBegins(Message message, AckType type) {
    try {
      return Settlement.begin(message, type);
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  public static void settlementEnds(@Nullable Object begun, @Nullable Throwable thrown) {
    try {
      if (begun != null) {
        ((Settlement) begun).end(thrown);
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }

  public static @Nullable Object batchBegins(@Nullable Object argument) {
    try {
      return JnatsLoader.isOurs() ? Batch.begin(argument) : JnatsLoader.batchBegins(argument);
    } catch (Throwable fault) {
      Faults.report(fault);
      return null;
    }
  }

  public static void batchEnds(@Nullable Object begun, @Nullable Throwable thrown) {
    try {
      if (begun instanceof Batch) {
        ((Batch) begun).end(thrown);
      } else if (begun != null) {
        JnatsLoader.batchEnds(begun, thrown);
      }
    } catch (Throwable fault) {
      Faults.report(fault);
    }
  }
}
