package dev.natschat.auth;

import dev.natschat.service.BrokerConnection;
import dev.natschat.service.HealthFile;
import io.nats.client.Connection;
import io.nats.client.Connection.Status;
import io.opentelemetry.api.GlobalOpenTelemetry;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets the holders of Keycloak tokens into the chat's NATS account, and tells the broker what each
 * may do there.
 */
public final class AuthService {
  private static final Duration LONGEST_DRAIN = Duration.ofSeconds(9);

  private AuthService() {}

  /** Runs until SIGTERM; configured by the environment. */
  public static void main(String[] args) throws Exception {
    // BouncyCastle would unpack native code into the temporary directory, for ciphers not used
    // here.
    System.setProperty("org.bouncycastle.native.cpu_variant", "java");
    Future<?> warmUp = WarmUp.start(); // takes longest, and needs nothing of the rest
    Config config = Config.fromEnvironment(); // exits 64 with every problem listed
    AtomicBoolean stopping = new AtomicBoolean();
    interruptOnSignal(Thread.currentThread(), stopping);
    run(config, warmUp, stopping::get);
  }

  /**
   * Runs until the thread is interrupted.
   *
   * @param stopping true from before the interrupt on
   * @throws IllegalStateException when jnats has given the connection up: whoever started us starts
   *     us again, with the secrets of then
   */
  @SuppressWarnings("try") // closing is allowed to wait, and nobody interrupts twice
  static void run(Config config, Future<?> warmUp, BooleanSupplier stopping) throws Exception {
    Logger log = LoggerFactory.getLogger(AuthService.class); // no field: that would delay main
    try (Jwks keys = new Jwks(config.jwksUrl());
        Connection nats = Broker.connect(config, stopping)) {
      Metrics metrics =
          new Metrics(
              GlobalOpenTelemetry.getMeter("dev.natschat.auth"), keys::count, keys::failures);
      CompletableFuture<Void> closed = BrokerConnection.closed(nats);
      // Before subscribing: another instance may have keys.
      CompletableFuture.anyOf(keys.first(), closed).get();
      warmUp.get();
      if (!closed.isDone()) {
        try (Callout callout = callout(config, nats, keys, metrics)) {
          BrokerConnection.awaitSubscribed(nats);
          try (HealthFile health =
              new HealthFile(config.healthFile(), () -> nats.getStatus() == Status.CONNECTED)) {
            log.info("ready: {}", config);
            closed.get();
          }
        }
      }
      throw new IllegalStateException("the connection to NATS was closed");
    } catch (InterruptedException signal) {
      log.info("Stopped");
    }
  }

  private static Callout callout(Config config, Connection nats, Jwks keys, Metrics metrics) {
    Clock clock = Clock.systemUTC();
    return new Callout(
        nats,
        config.xkey(),
        keys,
        new TokenValidator(keys, config.issuer(), clock),
        new Issuer(config.issuerKey(), clock),
        config.grants(),
        metrics);
  }

  /**
   * The JVM ends when its shutdown hooks have, so this one waits for the main thread to clean up.
   */
  private static void interruptOnSignal(Thread main, AtomicBoolean stopping) {
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  stopping.set(true);
                  main.interrupt();
                  try {
                    main.join(LONGEST_DRAIN.toMillis());
                  } catch (InterruptedException impossible) {
                    Thread.currentThread().interrupt();
                  }
                },
                "shutdown"));
  }
}
