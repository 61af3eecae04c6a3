package dev.natschat.auth;

import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.ErrorListener;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.Subscription;
import io.nats.client.impl.Headers;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** A plain jnats client that remembers what the broker forbade it. */
final class ChatClient implements AutoCloseable, ErrorListener {
  private static final String FENCE = "$nobody.may.publish.here.";

  /** How long the broker may take to let a client in is its own setting, not jnats' 2 s. */
  private static final Duration LONG = Duration.ofSeconds(20);

  private final List<String> violations = new CopyOnWriteArrayList<>();
  private final Connection connection;
  private int fences;

  private ChatClient(Options.Builder options) throws IOException, InterruptedException {
    connection =
        Nats.connect(
            options
                .connectionTimeout(LONG)
                .noReconnect()
                .errorListener(this)
                .noNoResponders()
                .build());
  }

  static ChatClient withToken(String url, String token, String inboxToken)
      throws IOException, InterruptedException {
    return new ChatClient(
        Options.builder()
            .server(url)
            .token(token.toCharArray())
            .inboxPrefix("_UINBOX." + inboxToken));
  }

  static ChatClient service(NatsServer nats, String name) throws IOException, InterruptedException {
    return new ChatClient(
        Options.builder()
            .server(nats.url())
            .userInfo(name, nats.secret("nats-" + name + "-password"))
            .inboxPrefix("_SINBOX." + name));
  }

  Connection connection() {
    return connection;
  }

  boolean mayPublish(String subject) {
    return mayPublish(subject, null);
  }

  /** Asks, but waits for no answer. */
  boolean mayRequest(String subject) {
    return mayPublish(subject, connection.createInbox());
  }

  private boolean mayPublish(String subject, @Nullable String replyTo) {
    violations.clear();
    connection.publish(subject, replyTo, new byte[0]);
    return violationsUntilNow().stream()
        .noneMatch(
            text -> text.contains("publish to \"" + subject.toLowerCase(Locale.ROOT) + "\""));
  }

  /** What the broker has to say to such a message, in lower case. */
  List<String> refusedWith(String subject, Headers headers) {
    violations.clear();
    connection.publish(subject, headers, new byte[0]);
    return violationsUntilNow();
  }

  boolean maySubscribe(String subject) {
    violations.clear();
    Subscription subscription = connection.subscribe(subject);
    boolean may = violationsUntilNow().stream().noneMatch(text -> text.contains("subscription"));
    subscription.unsubscribe();
    return may;
  }

  boolean maySubscribe(String subject, String queue) {
    violations.clear();
    Subscription subscription = connection.subscribe(subject, queue);
    boolean may = violationsUntilNow().stream().noneMatch(text -> text.contains("subscription"));
    subscription.unsubscribe();
    return may;
  }

  /**
   * The broker answers in order: once it has refused the fence, it has refused what came before.
   */
  private List<String> violationsUntilNow() {
    String fence = FENCE + ++fences;
    connection.publish(fence, new byte[0]);
    await(fence).atMost(LONG).until(() -> indexOf(fence) >= 0);
    return new ArrayList<>(violations.subList(0, indexOf(fence)));
  }

  private int indexOf(String subject) {
    for (int i = 0; i < violations.size(); i++) {
      if (violations.get(i).contains(subject)) {
        return i;
      }
    }
    return -1;
  }

  /** Returns when the broker has taken everything that was sent. */
  void flush() throws Exception {
    connection.flush(LONG);
  }

  @Override
  public void errorOccurred(Connection source, String error) {
    violations.add(error.toLowerCase(Locale.ROOT));
  }

  @Override
  public void close() {
    try {
      connection.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
