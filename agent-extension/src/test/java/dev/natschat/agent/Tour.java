package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.ConsumerContext;
import io.nats.client.Dispatcher;
import io.nats.client.FetchConsumer;
import io.nats.client.JetStream;
import io.nats.client.JetStreamManagement;
import io.nats.client.JetStreamSubscription;
import io.nats.client.KeyValue;
import io.nats.client.Message;
import io.nats.client.MessageConsumer;
import io.nats.client.Nats;
import io.nats.client.ObjectStore;
import io.nats.client.Options;
import io.nats.client.OrderedConsumerContext;
import io.nats.client.PublishOptions;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.PushSubscribeOptions;
import io.nats.client.Subscription;
import io.nats.client.api.AckPolicy;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.KeyValueConfiguration;
import io.nats.client.api.ObjectStoreConfiguration;
import io.nats.client.api.OrderedConsumerConfiguration;
import io.nats.client.api.PublishAck;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A program that calls jnats in every way and prints what it sees: results, classes of futures,
 * exceptions, and how many messages and bytes the server counted. Its output is the same on every
 * run.
 */
@SuppressWarnings({"try", "ReferenceEquality", "FutureReturnValueIgnored"})
final class Tour {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final byte[] HELLO = "hello".getBytes(UTF_8);
  private static final Pattern counters =
      Pattern.compile("\"in_msgs\": (\\d+).*\"in_bytes\": (\\d+)", Pattern.DOTALL);

  /** The server allows 1024 bytes a message. */
  private final Connection nats;

  private final int monitoringPort;

  private Tour(Connection nats, int monitoringPort) {
    this.nats = nats;
    this.monitoringPort = monitoringPort;
  }

  /** Arguments: the server's address, its monitoring port, a server without headers' address. */
  public static void main(String[] arguments) throws Exception {
    String server = arguments[0];
    try (Connection nats = Nats.connect(options(server).build())) {
      Tour tour = new Tour(nats, Integer.parseInt(arguments[1]));
      tour.publish();
      tour.request();
      tour.requestFutures(server);
      tour.handlers();
      tour.subscriptions();
      tour.jetStream();
      tour.pulled();
      tour.stores();
      tour.limits(server);
      tour.otherConnections(server, arguments[2]);
    }
    System.out.println("the end");
  }

  private static Options.Builder options(String server) {
    return Options.builder().server(server).connectionTimeout(LONG);
  }

  private void publish() throws Exception {
    Subscription received = nats.subscribe("publish.*");
    Headers headers = new Headers().add("mine", "1", "2");
    Message message =
        NatsMessage.builder().subject("publish.e").headers(headers).data(HELLO).build();
    step(
        "publish in all overloads",
        () -> {
          nats.publish("publish.a", HELLO);
          nats.publish("publish.b", headers, HELLO);
          nats.publish("publish.c", "replies.c", HELLO);
          nats.publish("publish.d", "replies.d", headers, HELLO);
          nats.publish(message);
          nats.publish("publish.f", null);
          return shown(received, 6);
        });
    step("the caller's headers", () -> headers.entrySet() + " " + headers.isReadOnly());
    step("the caller's message", () -> message.getHeaders() == headers);
    step("publish to no subject", () -> publish("", HELLO));
    step("publish to a bad subject", () -> publish("with blank", HELLO));
    step(
        "order of many",
        () -> {
          Subscription many = nats.subscribe("many");
          for (int i = 0; i < 1000; i++) {
            nats.publish("many", String.valueOf(i).getBytes(UTF_8));
          }
          for (int i = 0; i < 1000; i++) {
            if (!text(many.nextMessage(LONG)).equals(String.valueOf(i))) {
              return "out of order at " + i;
            }
          }
          return "in order";
        });
  }

  private @Nullable Object publish(String subject, byte[] body) {
    nats.publish(subject, body);
    return null;
  }

  private void request() throws Exception {
    Dispatcher dispatcher =
        nats.createDispatcher(message -> nats.publish(message.getReplyTo(), message.getData()));
    dispatcher.subscribe("echo");
    Subscription silent = nats.subscribe("silent");
    step("request", () -> shown(nats.request("echo", HELLO, LONG)));
    step("request with headers", () -> shown(nats.request("echo", new Headers(), HELLO, LONG)));
    step(
        "request, timed out",
        () -> shown(nats.request("silent", HELLO, Duration.ofMillis(100))) + shown(silent, 1));
    step(
        "request of a message, timed out",
        () ->
            shown(
                    nats.request(
                        NatsMessage.builder().subject("silent").data(HELLO).build(),
                        Duration.ofMillis(100)))
                + shown(silent, 1));
    step("request, no responders", () -> shown(nats.request("nobody", HELLO, LONG)));
    step(
        "request, interrupted",
        () -> {
          FutureTask<Object> task =
              new FutureTask<>(
                  () -> {
                    try {
                      return shown(nats.request("silent", HELLO, Duration.ofHours(1)));
                    } catch (InterruptedException e) {
                      return e + ", interrupt flag " + Thread.currentThread().isInterrupted();
                    }
                  });
          Thread requester = new Thread(task);
          requester.start();
          String seen = shown(silent, 1);
          requester.interrupt();
          return seen + task.get(30, TimeUnit.SECONDS);
        });
  }

  private void requestFutures(String server) throws Exception {
    Subscription silent = nats.subscribe("silence");
    step("request future", () -> outcome(nats.request("echo", HELLO)));
    step("request future, no responders", () -> outcome(nats.request("nobody", HELLO)));
    step(
        "requestWithTimeout",
        () -> {
          // It looks for such futures ten times a second, and gives every other one as little time.
          Options quick = options(server).requestCleanupInterval(Duration.ofMillis(100)).build();
          try (Connection own = Nats.connect(quick)) {
            String seen = outcome(own.requestWithTimeout("silence", HELLO, Duration.ofMillis(100)));
            flush(own);
            return seen;
          }
        });
    step(
        "request future, cancelled",
        () -> {
          CompletableFuture<Message> future = nats.request("silence", HELLO);
          return future.cancel(true) + " " + outcome(future);
        });
    step(
        "request future, completed by the application",
        () -> {
          CompletableFuture<Message> future = nats.request("silence", HELLO);
          return future.completeExceptionally(new IllegalStateException("own")) + outcome(future);
        });
    step(
        "dependants of a request future",
        () -> outcome(nats.request("echo", HELLO).thenApply(Tour::text)));
    silent.unsubscribe();
  }

  private void handlers() throws Exception {
    BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    Dispatcher dispatcher = nats.createDispatcher(m -> seen.add("default " + m.getSubject()));
    step(
        "handlers",
        () -> {
          dispatcher.subscribe("handled.default");
          Subscription own = dispatcher.subscribe("handled.own", m -> seen.add("own"));
          dispatcher.subscribe("handled.queue", "queue", m -> seen.add("queue"));
          nats.publish("handled.default", HELLO);
          nats.publish("handled.own", HELLO);
          nats.publish("handled.queue", HELLO);
          String order = take(seen, 3);
          dispatcher.unsubscribe(own);
          return order + own.isActive() + dispatcher.getDeliveredCount();
        });
    step(
        "a handler that throws goes on",
        () -> {
          dispatcher.subscribe(
              "handled.poison",
              m -> {
                seen.add("poison");
                throw new IllegalArgumentException("poison");
              });
          nats.publish("handled.poison", HELLO);
          nats.publish("handled.poison", HELLO);
          return take(seen, 2);
        });
    step(
        "auto-unsubscribe",
        () -> {
          dispatcher.subscribe("handled.two");
          dispatcher.unsubscribe("handled.two", 2);
          for (int i = 0; i < 3; i++) {
            nats.publish("handled.two", HELLO);
          }
          nats.publish("handled.default", HELLO);
          return take(seen, 3);
        });
    step(
        "drain of a dispatcher",
        () -> {
          CompletableFuture<Boolean> drained = dispatcher.drain(LONG);
          return outcome(drained) + dispatcher.isActive();
        });
  }

  private void subscriptions() throws Exception {
    step(
        "nextMessage, nothing there",
        () -> shown(nats.subscribe("quiet").nextMessage(Duration.ofMillis(50))));
    step(
        "unsubscribe with pending",
        () -> {
          Subscription subscription = nats.subscribe("pending");
          for (int i = 0; i < 5; i++) {
            nats.publish("pending", HELLO);
          }
          shown(subscription, 1);
          subscription.unsubscribe();
          return subscription.nextMessage(LONG);
        });
    step(
        "nextMessage, interrupted",
        () -> {
          Subscription quiet = nats.subscribe("quiet");
          Thread.currentThread().interrupt();
          return quiet.nextMessage(LONG);
        });
    step(
        "drain of a subscription",
        () -> {
          Subscription subscription = nats.subscribe("drained");
          nats.publish("drained", HELLO);
          nats.flush(LONG);
          CompletableFuture<Boolean> drained = subscription.drain(LONG);
          return shown(subscription, 1) + outcome(drained);
        });
  }

  private void jetStream() throws Exception {
    JetStreamManagement management = nats.jetStreamManagement();
    management.addStream(
        StreamConfiguration.builder()
            .name("TOUR")
            .subjects("tour.*")
            .storageType(StorageType.Memory)
            .build());
    JetStream jetStream = nats.jetStream();
    step("JetStream publish", () -> shown(jetStream.publish("tour.a", HELLO)));
    step(
        "JetStream publish, duplicate",
        () -> {
          PublishOptions once = PublishOptions.builder().messageId("1").build();
          return shown(jetStream.publish("tour.a", HELLO, once))
              + shown(jetStream.publish("tour.a", HELLO, once));
        });
    step(
        "JetStream publish, wrong expectation",
        () ->
            jetStream.publish(
                "tour.a", HELLO, PublishOptions.builder().expectedLastSequence(99).build()));
    step("JetStream publish, no stream", () -> jetStream.publish("nowhere", HELLO));
    step(
        "publishAsync",
        () -> outcome(jetStream.publishAsync("tour.a", HELLO).thenApply(Tour::shown)));
    step("class of publishAsync", () -> jetStream.publishAsync("tour.a", HELLO).getClass());
    step("publishAsync, no stream", () -> outcome(jetStream.publishAsync("nowhere", HELLO)));
    step(
        "publishAsync, wrong expectation",
        () ->
            outcome(
                jetStream.publishAsync(
                    "tour.a", HELLO, PublishOptions.builder().expectedStream("OTHER").build())));
    step("stored", () -> management.getMessage("TOUR", 2).getHeaders().get("Nats-Msg-Id"));
  }

  private void pulled() throws Exception {
    JetStream jetStream = nats.jetStream();
    PullSubscribeOptions durable = PullSubscribeOptions.builder().durable("puller").build();
    JetStreamSubscription puller = jetStream.subscribe("tour.*", durable);
    step(
        "fetch, ack in every way",
        () -> {
          List<Message> messages = puller.fetch(4, LONG);
          messages.get(0).ack();
          messages.get(0).ack();
          messages.get(1).inProgress();
          messages.get(1).ackSync(LONG);
          messages.get(2).term();
          messages.get(3).nak();
          return messages.stream().map(m -> shown(m) + m.lastAck()).toList();
        });
    step(
        "redelivered",
        () -> {
          Message again = puller.fetch(1, LONG).get(0);
          again.ack();
          return shown(again) + again.metaData().deliveredCount();
        });
    step("ack of a core message", () -> ack(nats.request("echo", HELLO, LONG)));
    step(
        "publishing and iterating",
        () -> {
          for (int i = 0; i < 5; i++) {
            jetStream.publish("tour.b", HELLO);
          }
          List<String> seen = new ArrayList<>();
          puller
              .iterate(5, LONG)
              .forEachRemaining(
                  m -> {
                    m.ack();
                    seen.add(m.getSubject());
                  });
          return seen;
        });
    step("fetch, nothing there", () -> puller.fetch(1, Duration.ofMillis(100)));
    step("consumer", () -> puller.getConsumerInfo().getNumAckPending());
    ConsumerContext consumer =
        nats.getStreamContext("TOUR")
            .createOrUpdateConsumer(
                ConsumerConfiguration.builder()
                    .durable("simplified")
                    .ackPolicy(AckPolicy.Explicit)
                    .ackWait(Duration.ofSeconds(10))
                    .build());
    step("next", () -> shown(settled(consumer.next(Duration.ofSeconds(10)))));
    step(
        "simplified fetch",
        () -> {
          List<String> seen = new ArrayList<>();
          // More than the 8 that are there: jnats may lose the last of as many as were asked for.
          try (FetchConsumer fetch = consumer.fetchMessages(9)) {
            for (int i = 0; i < 8; i++) {
              seen.add(shown(settled(fetch.nextMessage())));
            }
          }
          return seen;
        });
    step(
        "consume",
        () -> {
          BlockingQueue<String> seen = new LinkedBlockingQueue<>();
          try (MessageConsumer consuming =
              consumer.consume(
                  m -> {
                    m.ack();
                    seen.add(m.getSubject());
                  })) {
            for (int i = 0; i < 6; i++) {
              jetStream.publish("tour.c", HELLO);
            }
            return take(seen, 6);
          }
        });
    step(
        "ordered",
        () -> {
          OrderedConsumerContext ordered =
              nats.getStreamContext("TOUR")
                  .createOrderedConsumer(new OrderedConsumerConfiguration());
          return shown(ordered.next(Duration.ofSeconds(10)));
        });
    step(
        "push",
        () -> {
          BlockingQueue<String> seen = new LinkedBlockingQueue<>();
          Dispatcher dispatcher = nats.createDispatcher();
          jetStream.subscribe(
              "tour.b",
              dispatcher,
              m -> {
                String message = shown(m);
                m.ack(); // before the end: it is counted
                seen.add(message);
              },
              false,
              PushSubscribeOptions.builder().durable("pushed").build());
          return take(seen, 5);
        });
  }

  private static Message settled(Message message) {
    message.ack();
    return message;
  }

  private static Object ack(Message message) {
    message.ack();
    return message.lastAck() == null;
  }

  private void stores() throws Exception {
    nats.keyValueManagement()
        .create(KeyValueConfiguration.builder().name("kv").storageType(StorageType.Memory).build());
    KeyValue kv = nats.keyValue("kv");
    step("KeyValue put, get", () -> kv.put("a", "1") + kv.get("a").getValueAsString());
    step("KeyValue create again", () -> kv.create("a", HELLO));
    step("KeyValue update", () -> kv.update("a", HELLO, 1));
    step("KeyValue update, wrong revision", () -> kv.update("a", HELLO, 1));
    step(
        "KeyValue delete, purge",
        () -> {
          kv.delete("a");
          kv.purge("a");
          return kv.get("a") + " " + kv.keys();
        });
    nats.objectStoreManagement()
        .create(
            ObjectStoreConfiguration.builder().name("os").storageType(StorageType.Memory).build());
    ObjectStore os = nats.objectStore("os");
    step(
        "ObjectStore",
        () -> {
          byte[] large = new byte[4000];
          io.nats.client.api.ObjectMeta meta =
              io.nats.client.api.ObjectMeta.builder("large").chunkSize(512).build();
          String digest = os.put(meta, new ByteArrayInputStream(large)).getDigest();
          ByteArrayOutputStream read = new ByteArrayOutputStream();
          os.get("large", read);
          return digest + read.size();
        });
    step("ObjectStore, not there", () -> os.get("nothing", new ByteArrayOutputStream()));
  }

  private void limits(String server) throws Exception {
    Subscription received = nats.subscribe("limit");
    Headers headers = new Headers().add("mine", "1");
    int overhead = headers.serializedLength();
    for (int size : new int[] {960, 1023, 1024, 1025}) {
      step(
          "body of " + size,
          () -> {
            nats.publish("limit", new byte[size]);
            return shown(received, 1);
          });
      step(
          "headers and body of " + size,
          () -> {
            // An old jnats sends what is too long with its headers, and the server ends the
            // connection. Not always does that jnats connect again.
            try (Connection own = Nats.connect(options(server).noReconnect().build())) {
              Subscription receivedThere = own.subscribe("limit.own");
              own.publish("limit.own", headers, new byte[size - overhead]);
              String seen = shown(receivedThere, 1);
              flush(own);
              return seen;
            } catch (IllegalStateException inactive) { // is, or became while it waited
              return "ended by the server";
            }
          });
    }
    step("request at the limit", () -> shown(nats.request("echo", new byte[1024], LONG)));
    step(
        "a subject as long as the control line allows",
        () -> {
          Subscription deep = nats.subscribe("deep.>");
          nats.publish("deep." + "x".repeat(4060), HELLO);
          return shown(deep, 1).length();
        });
  }

  private void otherConnections(String server, String headerless) throws Exception {
    try (Connection old = Nats.connect(options(headerless).noHeaders().noNoResponders().build())) {
      step(
          "no headers",
          () -> {
            Subscription received = old.subscribe("old");
            old.publish("old", HELLO);
            old.publish("old", null, (Headers) null, HELLO);
            return shown(received, 2);
          });
      step(
          "headers where there are none",
          () -> {
            old.publish("old", new Headers().add("mine", "1"), HELLO);
            return null;
          });
    }
    try (Connection strict = Nats.connect(options(server).reportNoResponders().build())) {
      step("reported: no responders", strict, () -> outcome(strict.request("nobody", HELLO)));
      step("reported: no responders, sync", strict, () -> strict.request("nobody", HELLO, LONG));
    }
    try (Connection pooled = Nats.connect(Fork.withExecutor(options(server)).build())) {
      step(
          "handlers on an executor",
          pooled,
          () -> {
            CountDownLatch all = new CountDownLatch(100);
            Dispatcher dispatcher = pooled.createDispatcher(m -> all.countDown());
            dispatcher.subscribe("pooled");
            for (int i = 0; i < 100; i++) {
              pooled.publish("pooled", HELLO);
            }
            return all.await(30, TimeUnit.SECONDS);
          });
    }
    try (Connection oldStyle = Nats.connect(options(server).oldRequestStyle().build())) {
      step("old style request", oldStyle, () -> shown(oldStyle.request("echo", HELLO, LONG)));
      step("old style request future", oldStyle, () -> outcome(oldStyle.request("echo", HELLO)));
    }
    closedInTheMiddle(server);
    try (Connection drained = Nats.connect(options(server).build())) {
      step(
          "drain of a connection",
          () -> {
            CountDownLatch handled = new CountDownLatch(20);
            drained.createDispatcher(m -> handled.countDown()).subscribe("last");
            for (int i = 0; i < 20; i++) {
              drained.publish("last", HELLO);
            }
            drained.flush(LONG);
            return outcome(drained.drain(LONG)) + handled.getCount() + drained.getStatus();
          });
    }
  }

  private void closedInTheMiddle(String server) throws Exception {
    // To close takes seconds where the machine is busy: meanwhile no request is to time out.
    Connection closing = Nats.connect(options(server).requestCleanupInterval(LONG).build());
    Subscription quiet = closing.subscribe("quiet");
    CompletableFuture<Message> pending = closing.request("silent", HELLO);
    FutureTask<Message> waiting = new FutureTask<>(() -> quiet.nextMessage(LONG));
    FutureTask<Message> requesting = new FutureTask<>(() -> closing.request("silent", HELLO, LONG));
    Thread waits = new Thread(waiting);
    waits.start();
    new Thread(requesting).start();
    await()
        .atMost(LONG)
        .until(
            () ->
                waits.getState() == Thread.State.TIMED_WAITING
                    && closing.getStatistics().getRequestsSent() == 2);
    flush(closing);
    closing.close();
    step("closed: a pending future", () -> outcome(pending));
    step("closed: nextMessage", () -> outcome(waiting));
    step("closed: a request", () -> outcome(requesting));
    step("closed: then publish", () -> publishOn(closing));
    step("closed: then request", () -> closing.request("echo", HELLO, LONG));
    step("closed: then a future", () -> closing.request("echo", HELLO));
    step("closed: then JetStream", () -> closing.jetStream().publish("tour.a", HELLO));
  }

  private static Object publishOn(Connection connection) {
    connection.publish("publish.a", HELLO);
    return "published";
  }

  private void step(String name, Callable<?> work) throws Exception {
    step(name, nats, work);
  }

  /** What the work gives or throws, and how many messages the server got meanwhile. */
  private void step(String name, Connection by, Callable<?> work) throws Exception {
    flush(nats);
    long[] before = counted();
    String seen;
    try {
      seen = String.valueOf(work.call());
    } catch (Exception | NoSuchMethodError e) { // an older jnats lacks some
      seen = "threw " + e;
    }
    flush(by);
    flush(nats); // which may have answered
    long[] after = counted();
    System.out.println(
        name
            + ": "
            + seen.replace(nats.getServerInfo().getServerId(), "SERVER")
            + " ["
            + (after[0] - before[0])
            + " messages, "
            + (after[1] - before[1])
            + " bytes]");
  }

  /**
   * Until the server has counted what was sent: it may answer a ping before it counts what it read
   * together with it, and reads on only afterwards.
   */
  private static void flush(Connection connection) throws Exception {
    connection.flush(LONG);
    connection.flush(LONG);
  }

  /** The server's own counters: messages and bytes that clients sent. */
  private long[] counted() throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), monitoringPort)) {
      socket.getOutputStream().write("GET /varz HTTP/1.0\r\n\r\n".getBytes(UTF_8));
      Matcher found = counters.matcher(new String(socket.getInputStream().readAllBytes(), UTF_8));
      if (!found.find()) {
        throw new IllegalStateException("no counters in /varz");
      }
      return new long[] {Long.parseLong(found.group(1)), Long.parseLong(found.group(2))};
    }
  }

  private static String take(BlockingQueue<String> seen, int count) throws InterruptedException {
    List<String> taken = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      taken.add(seen.poll(30, TimeUnit.SECONDS));
    }
    return taken.toString();
  }

  private static String shown(Subscription subscription, int count) throws InterruptedException {
    List<String> messages = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      messages.add(shown(subscription.nextMessage(LONG)));
    }
    return messages.toString();
  }

  private static String shown(@Nullable Message message) {
    if (message == null) {
      return "none";
    }
    String subject = message.getSubject().startsWith("_INBOX.") ? "inbox" : message.getSubject();
    String replyTo = message.isJetStream() ? "ack" : message.getReplyTo();
    replyTo = replyTo != null && replyTo.startsWith("_INBOX.") ? "inbox" : replyTo;
    return String.join(
        " ",
        message.getClass().getSimpleName(),
        subject,
        replyTo,
        headers(message),
        message.getData().length + " bytes");
  }

  /** Without what a propagator may have added: that there is no more is what is compared. */
  private static String headers(Message message) {
    StringBuilder shown = new StringBuilder();
    if (message.getHeaders() != null) {
      message.getHeaders().keySet().stream()
          .filter(name -> !name.equals("traceparent"))
          .sorted()
          .forEach(name -> shown.append(name).append(message.getHeaders().get(name)));
    }
    return shown.append(message.isStatusMessage()).toString();
  }

  private static String text(Message message) {
    return new String(message.getData(), UTF_8);
  }

  private static String shown(PublishAck ack) {
    return ack.getStream() + " " + ack.getSeqno() + " " + ack.isDuplicate() + " ";
  }

  /** The class of the future, and what it gives or throws. */
  private static String outcome(Future<?> future) {
    String seen;
    try {
      Object result = future.get(30, TimeUnit.SECONDS);
      seen = result instanceof Message message ? shown(message) : String.valueOf(result);
    } catch (Exception e) {
      seen = "threw " + e;
    }
    return future.getClass().getSimpleName() + " " + seen + " " + future.isCancelled();
  }
}
