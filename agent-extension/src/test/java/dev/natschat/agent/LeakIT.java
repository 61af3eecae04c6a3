package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.nats.client.Connection;
import io.nats.client.Dispatcher;
import io.nats.client.JetStreamSubscription;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;

/** A million messages, and every way to leave one unfinished, in a heap that holds few. */
@SuppressWarnings({"try", "FutureReturnValueIgnored"})
class LeakIT {
  private static final long MEGABYTE = 1 << 20;

  /**
   * Prints the used heap after a first part of the work and after the rest, twenty times as much.
   */
  static final class Program {
    private static final byte[] HELLO = "hello".getBytes(UTF_8);
    private static final Duration LONG = Duration.ofSeconds(60);

    public static void main(String[] arguments) throws Exception {
      Options options =
          Options.builder()
              .server(arguments[0])
              .connectionTimeout(LONG)
              .requestCleanupInterval(Duration.ofSeconds(1))
              .build();
      try (Connection nats = Nats.connect(options)) {
        nats.jetStreamManagement()
            .addStream(
                StreamConfiguration.builder()
                    .name("LEAK")
                    .subjects("leak.stored")
                    .storageType(StorageType.File)
                    .build());
        work(nats, 50_000);
        System.out.println(usedAfterCollection());
        work(nats, 1_000_000);
        System.out.println(usedAfterCollection());
      }
    }

    private static void work(Connection nats, int messages) throws Exception {
      handled(nats, messages);
      unanswered(nats, messages / 10);
      neverAcknowledged(nats, messages / 10);
      neverCompleted(nats, messages / 10);
    }

    private static void handled(Connection nats, int messages) throws Exception {
      Semaphore onTheWay = new Semaphore(1000);
      Dispatcher dispatcher = nats.createDispatcher(message -> onTheWay.release());
      dispatcher.subscribe("leak.*");
      for (int i = 0; i < messages; i++) {
        onTheWay.acquire();
        nats.publish("leak." + i, HELLO);
      }
      onTheWay.acquire(1000);
      nats.closeDispatcher(dispatcher);
    }

    /** The handler owes replies that it never gives. */
    private static void unanswered(Connection nats, int messages) throws Exception {
      Semaphore onTheWay = new Semaphore(1000);
      Dispatcher dispatcher = nats.createDispatcher(message -> onTheWay.release());
      dispatcher.subscribe("asked");
      for (int i = 0; i < messages; i++) {
        onTheWay.acquire();
        nats.publish("asked", "reply." + i, HELLO);
      }
      onTheWay.acquire(1000);
      nats.closeDispatcher(dispatcher);
    }

    private static void neverAcknowledged(Connection nats, int messages) throws Exception {
      JetStreamSubscription puller =
          nats.jetStream()
              .subscribe(
                  "leak.stored",
                  PullSubscribeOptions.builder()
                      .configuration(
                          ConsumerConfiguration.builder().maxAckPending(1_000_000).build())
                      .build());
      for (int i = 0; i < messages; i += 100) {
        for (int j = 0; j < 100; j++) {
          nats.publish("leak.stored", HELLO);
        }
        take(puller.fetch(100, LONG));
      }
      puller.unsubscribe();
      nats.jetStreamManagement().purgeStream("LEAK");
    }

    private static void take(List<?> batch) {
      if (batch.isEmpty()) {
        throw new IllegalStateException("nothing fetched");
      }
    }

    private static void neverCompleted(Connection nats, int messages) throws Exception {
      Dispatcher deaf = nats.createDispatcher(message -> {});
      deaf.subscribe("deaf");
      for (int i = 0; i < messages; i++) {
        nats.requestWithTimeout("deaf", HELLO, Duration.ofMillis(200));
        if (i % 500 == 0) {
          Thread.sleep(50); // so that few are on their way
        }
      }
      nats.closeDispatcher(deaf);
    }

    private static long usedAfterCollection() throws InterruptedException {
      Thread.sleep(8000); // what waits for a reply is given up after 5 s
      for (int i = 0; i < 3; i++) {
        System.gc();
        Thread.sleep(200);
      }
      return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }
  }

  @Test
  void theHeapDoesNotGrow() throws Exception {
    try (NatsServer server = NatsServer.start()) {
      Fork fork =
          Fork.traced(
              List.of(
                  "-Xmx72m",
                  "-XX:+ExitOnOutOfMemoryError",
                  "-Dotel.metrics.exporter=otlp",
                  "-Dotel.traces.sampler=parentbased_traceidratio",
                  "-Dotel.traces.sampler.arg=0.5",
                  "-Dotel.exporter.otlp.endpoint=http://127.0.0.1:9",
                  "-Dotel.instrumentation.jnats.batch-process-methods="
                      + "dev.natschat.agent.LeakIT$Program[take]"),
              Program.class,
              server.url());
      List<Long> used = fork.output().lines().map(Long::valueOf).toList();
      assertThat(used).hasSize(2);
      assertThat(used.get(1) - used.get(0)).as("%s", used).isLessThan(4 * MEGABYTE);
    }
  }
}
