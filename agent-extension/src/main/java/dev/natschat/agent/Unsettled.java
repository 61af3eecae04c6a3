package dev.natschat.agent;

import io.nats.client.Message;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Ends the spans of messages that the application dropped without settling them: outcome {@code
 * none}.
 */
final class Unsettled extends WeakReference<Message> {
  private static final ReferenceQueue<Message> dropped = new ReferenceQueue<>();
  private static final Set<Unsettled> watched = ConcurrentHashMap.newKeySet();

  private final Ongoing processing;

  private Unsettled(Message message, Ongoing processing) {
    super(message, dropped);
    this.processing = processing;
  }

  static Unsettled watch(Message message, Ongoing processing) {
    Unsettled unsettled = new Unsettled(message, processing);
    watched.add(unsettled);
    Housekeeping.start();
    return unsettled;
  }

  void forget() {
    watched.remove(this);
    clear();
  }

  static boolean areWatched() {
    return !watched.isEmpty();
  }

  static void endDropped() {
    Reference<? extends Message> reference;
    while ((reference = dropped.poll()) != null) {
      Unsettled unsettled = (Unsettled) reference;
      watched.remove(unsettled);
      unsettled.processing.span.setAttribute(Semantics.OUTCOME, "none");
      unsettled.processing.endUnmeasured();
    }
  }
}
