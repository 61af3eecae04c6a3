package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.nats.client.Connection;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.PullSubscribeOptions;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import java.io.File;
import java.lang.ref.WeakReference;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Applications in class loaders of their own, as in a web server. */
@SuppressWarnings("try")
class LoadersIT {
  private static NatsServer server;

  @BeforeAll
  static void startServer() throws Exception {
    server = NatsServer.start();
  }

  @AfterAll
  static void stopServer() throws Exception {
    server.close();
  }

  @BeforeEach
  void reset() {
    Telemetry.reset();
  }

  /** Starts applications as a web server does. */
  static final class Container {
    public static void main(String[] arguments) throws Exception {
      switch (arguments[1]) {
        case "undeployed" -> {
          sayWhetherUnloaded(
              undeployed(
                  loader(entry -> true, ClassLoader.getPlatformClassLoader()), arguments[0]));
        }
        case "undeployed before another" -> {
          URLClassLoader shared =
              loader(entry -> entry.endsWith(".jar"), ClassLoader.getPlatformClassLoader());
          WeakReference<ClassLoader> first =
              undeployed(loader(entry -> !entry.endsWith(".jar"), shared), arguments[0]);
          try (AutoCloseable second = connected(shared, arguments[0])) {
            sayWhetherUnloaded(first);
          }
        }
        case "shared jnats" -> {
          URLClassLoader shared =
              loader(entry -> entry.endsWith(".jar"), ClassLoader.getPlatformClassLoader());
          start(loader(entry -> !entry.endsWith(".jar"), shared), arguments[0]);
        }
        default -> throw new IllegalArgumentException(arguments[1]);
      }
    }

    private static void sayWhetherUnloaded(WeakReference<ClassLoader> loader)
        throws InterruptedException {
      long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (loader.get() != null && System.nanoTime() < deadline) {
        System.gc();
        Thread.sleep(100);
      }
      System.out.println(loader.get() == null ? "unloaded" : "still there");
    }

    private static WeakReference<ClassLoader> undeployed(URLClassLoader application, String url)
        throws Exception {
      start(application, url);
      application.close();
      return new WeakReference<>(application);
    }

    private static URLClassLoader loader(Predicate<String> entries, ClassLoader parent) {
      URL[] urls =
          Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
              .filter(entries)
              .map(Container::url)
              .toArray(URL[]::new);
      return new URLClassLoader(urls, parent);
    }

    private static URL url(String entry) {
      try {
        return Path.of(entry).toUri().toURL();
      } catch (MalformedURLException e) {
        throw new IllegalArgumentException(e);
      }
    }

    /** Another application, still at work. */
    private static AutoCloseable connected(ClassLoader shared, String url) throws Exception {
      Class<?> builder = shared.loadClass(Options.Builder.class.getName());
      Object options = builder.getConstructor().newInstance();
      builder.getMethod("server", String.class).invoke(options, url);
      builder
          .getMethod("connectionTimeout", Duration.class)
          .invoke(options, Duration.ofSeconds(20));
      return (AutoCloseable)
          shared
              .loadClass(Nats.class.getName())
              .getMethod("connect", shared.loadClass(Options.class.getName()))
              .invoke(null, builder.getMethod("build").invoke(options));
    }

    private static void start(ClassLoader loader, String url) throws Exception {
      Class.forName(Application.class.getName(), true, loader)
          .getMethod("start", String.class)
          .invoke(null, url);
    }
  }

  /** Pulls and stores a batch. */
  public static final class Application {
    public static void start(String url) throws Exception {
      try (Connection nats = Nats.connect(NatsServer.options(url).build())) {
        nats.jetStreamManagement()
            .addStream(
                StreamConfiguration.builder()
                    .name("LOADED")
                    .subjects("loaded")
                    .storageType(StorageType.Memory)
                    .build());
        var subscription =
            nats.jetStream()
                .subscribe("loaded", PullSubscribeOptions.builder().durable("worker").build());
        for (int i = 0; i < 2; i++) {
          nats.jetStream().publish("loaded", "hello".getBytes(UTF_8));
        }
        List<Message> batch = new ArrayList<>();
        while (batch.size() < 2) {
          batch.addAll(subscription.fetch(2 - batch.size(), Duration.ofSeconds(20)));
        }
        store(batch);
        nats.flush(Duration.ofSeconds(20));
        nats.jetStreamManagement().deleteStream("LOADED");
      }
    }

    static void store(List<Message> batch) {
      batch.forEach(Message::ack);
    }
  }

  @Test
  void anApplicationThatHasClosedItsConnectionsCanBeUnloaded() throws Exception {
    assertThat(Fork.plain(List.of(), Container.class, server.url(), "undeployed").output())
        .isEqualTo("unloaded\n");
    assertThat(traced("undeployed").output()).isEqualTo("unloaded\n");
  }

  @Test
  void soCanOneWhoseJnatsIsStillInUse() throws Exception {
    assertThat(traced("undeployed before another").output()).isEqualTo("unloaded\n");
  }

  @Test
  void aBatchMethodMayHaveItsJnatsFromAParentLoader() throws Exception {
    Fork fork = traced("shared jnats");
    assertThat(Telemetry.tree())
        .as(fork.log())
        .isEqualTo(
            """
            publish PRODUCER
              process LOADED CONSUMER ack ~> batch
            publish PRODUCER
              process LOADED CONSUMER ack ~> batch
            process LOADED CONSUMER batch of 2 ~> publish, publish
            """);
  }

  private static Fork traced(String program) throws Exception {
    return Fork.traced(
        List.of(
            "-Dotel.instrumentation.jnats.batch-process-methods="
                + Application.class.getName()
                + "[store]"),
        Container.class,
        server.url(),
        program);
  }
}
