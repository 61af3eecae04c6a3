package dev.natschat.client;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.natschat.client.ChatException.Kind;
import io.nats.client.AuthenticationException;
import io.nats.client.Connection;
import io.nats.client.ErrorListener;
import io.nats.client.JetStream;
import io.nats.client.JetStreamApiException;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.api.PublishAck;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.extension.annotations.WithSpan;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One user's place in the chat. Safe for use by many threads. */
final class Chat implements AutoCloseable {
  /** The room of those who look after the others; its subject is its own. */
  static final String ADMIN_ROOM = "__admin__";

  private static final Logger log = LoggerFactory.getLogger(Chat.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final Pattern ROOM = Pattern.compile("[^\\s.*>]+");

  private static final Duration BETWEEN_LOGINS = Duration.ofSeconds(1);

  private final String user;
  private final Options options;
  private final Set<Asked> unanswered;
  private final Map<String, Consumer<ChatMessage>> ears = new ConcurrentHashMap<>();
  private final AtomicBoolean loggingIn = new AtomicBoolean();
  private volatile Place place;
  private volatile boolean left;

  /** A connection, and the JetStream of it. */
  private record Place(Connection nats, JetStream jetStream) {
    static Place taken(Options options) throws IOException, InterruptedException {
      Connection nats = Nats.connect(options);
      return new Place(nats, nats.jetStream());
    }
  }

  private Chat(String user, Options options, Set<Asked> unanswered)
      throws IOException, InterruptedException {
    this.user = user;
    this.options = options;
    this.unanswered = unanswered;
    this.place = Place.taken(options);
  }

  /**
   * @throws ChatException when Keycloak or NATS refuse the user, or cannot be reached
   */
  static Chat logIn(Servers servers, String user, String password) {
    String natsUrl = servers.natsUrl();
    Tokens tokens = new Tokens(servers, user, password);
    String name = tokens.userName();
    Set<Asked> unanswered = ConcurrentHashMap.newKeySet();
    try {
      return new Chat(name, options(natsUrl, name, tokens, unanswered), unanswered);
    } catch (AuthenticationException e) {
      throw new ChatException(Kind.REFUSED, "NATS refuses " + name + ": " + e.getMessage(), e);
    } catch (IOException e) {
      throw new ChatException(
          Kind.UNAVAILABLE,
          "NATS does not answer at %s, or auth-service, which it asks whom to let in: `make status` tells, `make up` starts them"
              .formatted(natsUrl),
          e);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  private static Options options(
      String natsUrl, String name, Tokens tokens, Set<Asked> unanswered) {
    return Options.builder()
        .server(natsUrl)
        .connectionName("chat-client")
        // The broker cuts the connection when the token expires; then a fresh one is fetched.
        .tokenSupplier(() -> tokens.get().toCharArray())
        .inboxPrefix(Inboxes.prefixFor(name))
        .reportNoResponders()
        .maxReconnects(-1)
        .errorListener(new Refusals(unanswered))
        .build();
  }

  String user() {
    return user;
  }

  /** What a message became: its place in the stream, and its trace where there is one. */
  record Said(long streamSequence, String traceId) {}

  /**
   * Says something, and waits until the stream has it. Under the agent this is a span, so that the
   * trace has an id to show.
   */
  @WithSpan("say")
  @SuppressWarnings(
      "deprecation") // of the annotation, in favour of another that the agent knows as well
  Said say(String room, String text) {
    PublishAck ack = get(publish(room, text));
    log.atInfo().addKeyValue("stream_seq", ack.getSeqno()).log("Said");
    SpanContext span = Span.current().getSpanContext();
    return new Said(ack.getSeqno(), span.isValid() ? span.getTraceId() : "");
  }

  /** Only with its acknowledgement is a message accepted; without, it may be lost. */
  CompletableFuture<PublishAck> publish(String room, String text) {
    String subject = subject(room);
    byte[] body = json(new ChatMessage(user, text, System.currentTimeMillis(), room));
    return asked(subject, () -> place().jetStream().publishAsync(subject, body));
  }

  /** The room's last messages, oldest first. */
  List<ChatMessage> history(String room) {
    subject(room);
    String subject = "chat.history." + room;
    Message answer = get(asked(subject, () -> place().nats().request(subject, null)));
    String error = answer.hasHeaders() ? answer.getHeaders().getFirst("Nats-Service-Error") : null;
    if (error != null) {
      throw new ChatException(
          Kind.UNAVAILABLE,
          "history-service answers with error %s: %s"
              .formatted(answer.getHeaders().getFirst("Nats-Service-Error-Code"), error));
    }
    try {
      return JSON.readValue(answer.getData(), new TypeReference<List<ChatMessage>>() {});
    } catch (IOException e) {
      throw new ChatException(Kind.UNAVAILABLE, "the answer is no list of messages", e);
    }
  }

  /** Hears what is said in a room from now on; returns when the broker knows of it. */
  void listen(String room, Consumer<ChatMessage> ear) {
    ears.put(subject(room), ear);
    Connection nats = place().nats();
    hear(nats, subject(room), ear);
    try {
      nats.flush(PATIENCE);
    } catch (TimeoutException e) {
      throw new ChatException(Kind.UNAVAILABLE, "NATS does not answer", e);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  @Override
  public void close() {
    left = true;
    try {
      place.nats().close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits for an answer, and gives its failure as a {@link ChatException}. */
  static <T> T get(CompletableFuture<T> answer) {
    try {
      return answer.join();
    } catch (CompletionException | CancellationException e) {
      throw explained(e);
    }
  }

  /** The failure of an answer in the words of this program. */
  static ChatException explained(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof ChatException known) {
        return known;
      }
      if (cause instanceof JetStreamApiException refused) {
        return new ChatException(
            Kind.REFUSED, "the message was not stored: " + refused.getErrorDescription(), failure);
      }
      if (cause instanceof CancellationException) { // is an IllegalStateException, too
        return new ChatException(
            Kind.UNAVAILABLE, "the connection to NATS was lost before the answer", failure);
      }
      if (cause instanceof IllegalStateException notNow) {
        return new ChatException(
            Kind.UNAVAILABLE, "NATS takes nothing now: " + notNow.getMessage(), failure);
      }
      String message = String.valueOf(cause.getMessage());
      if (message.contains("No Responders")) {
        return new ChatException(
            Kind.UNAVAILABLE,
            "nobody answers: are persist-worker and history-service up? `make status` tells",
            failure);
      }
    }
    return new ChatException(
        Kind.UNAVAILABLE, "no answer within " + PATIENCE.toSeconds() + " s", failure);
  }

  /** Noted before it is sent: a refusal may be back before the sending call has returned. */
  private <T> CompletableFuture<T> asked(String subject, Supplier<CompletableFuture<T>> send) {
    Asked asked = new Asked(subject, new CompletableFuture<>());
    unanswered.add(asked);
    CompletableFuture<T> answer = sent(send);
    return CompletableFuture.anyOf(answer, asked.refusal)
        .thenApply(first -> answer.join())
        .orTimeout(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)
        .whenComplete((value, failure) -> unanswered.remove(asked));
  }

  /** jnats throws at once when it is closed, or has kept too much for a broker that is away. */
  private static <T> CompletableFuture<T> sent(Supplier<CompletableFuture<T>> send) {
    try {
      return send.get();
    } catch (IllegalStateException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  /**
   * The place, even when it is lost for now. jnats reconnects for ever, but closes for good when it
   * is refused twice in a row, as at the end of a token while auth-service is away: then another
   * connection is made, beside what is asked meanwhile.
   */
  private Place place() {
    Place last = place;
    if (last.nats().getStatus() == Connection.Status.CLOSED
        && !left
        && loggingIn.compareAndSet(false, true)) {
      Thread login = new Thread(this::logInAgain, "log in again");
      login.setDaemon(true);
      login.start();
    }
    return last;
  }

  private void logInAgain() {
    try {
      while (!left) {
        try {
          takePlace(Place.taken(options));
          return;
        } catch (IOException | IllegalStateException e) {
          log.debug("Still not let in", e);
          TimeUnit.MILLISECONDS.sleep(BETWEEN_LOGINS.toMillis());
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      loggingIn.set(false);
    }
  }

  private void takePlace(Place fresh) throws InterruptedException {
    ears.forEach((subject, ear) -> hear(fresh.nats(), subject, ear));
    place = fresh;
    if (left) {
      fresh.nats().close();
    }
  }

  private static void hear(Connection nats, String subject, Consumer<ChatMessage> ear) {
    nats.createDispatcher().subscribe(subject, message -> hear(message, ear));
  }

  /** The subject of a room's messages; a room is one token of it. */
  private static String subject(String room) {
    if (!ROOM.matcher(room).matches()) {
      throw new ChatException(
          Kind.USAGE, "a room's name has no spaces, dots, * or >, unlike: " + room);
    }
    return room.equals(ADMIN_ROOM) ? "admin.chat" : "chat." + room;
  }

  private static void hear(Message message, Consumer<ChatMessage> ear) {
    try {
      ear.accept(JSON.readValue(message.getData(), ChatMessage.class));
    } catch (IOException e) {
      log.warn("Somebody publishes to {} what is no chat message", message.getSubject(), e);
    }
  }

  private static byte[] json(ChatMessage message) {
    try {
      return JSON.writeValueAsBytes(message);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a message of strings and a number is always JSON", e);
    }
  }

  private static ChatException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    return new ChatException(Kind.FAILED, "interrupted", e);
  }

  /** A refusal only ever fails. */
  private record Asked(String subject, CompletableFuture<?> refusal) {}

  /**
   * The broker tells a refusal by an error that belongs to no request: without this, whoever asked
   * would wait for an answer that never comes.
   */
  private static final class Refusals implements ErrorListener {
    private final Set<Asked> unanswered;

    Refusals(Set<Asked> unanswered) {
      this.unanswered = unanswered;
    }

    @Override
    public void errorOccurred(Connection nats, String error) {
      log.debug("NATS says: {}", error);
      ChatException refused =
          new ChatException(Kind.REFUSED, "NATS refuses it: " + error.toLowerCase(Locale.ROOT));
      for (Asked asked : unanswered) {
        if (error.contains('"' + asked.subject() + '"')) {
          asked.refusal().completeExceptionally(refused);
        }
      }
    }

    @Override
    public void exceptionOccurred(Connection nats, Exception exception) {
      log.debug("The connection to NATS says", exception);
    }
  }
}
