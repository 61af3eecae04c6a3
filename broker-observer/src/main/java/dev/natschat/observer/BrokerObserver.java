package dev.natschat.observer;

import dev.natschat.service.BrokerConnection;
import dev.natschat.service.HealthFile;
import io.nats.client.Connection;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.metrics.Meter;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.bridge.SLF4JBridgeHandler;

/**
 * Asks NATS servers for their statistics and offers them as metrics; where it is told to, also
 * exports what they say of traced messages as spans, and what they log.
 */
public final class BrokerObserver implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(BrokerObserver.class);

  private final Connection nats;
  private final Rounds rounds;
  private final HealthFile health;
  private final @Nullable Hops hops;
  private final @Nullable ServerLogs logs;
  private final CompletableFuture<Void> closed;

  /** Waits for NATS. */
  BrokerObserver(Config config, Meter meter) throws InterruptedException {
    nats = Broker.connect(config, config.natsUser());
    closed = BrokerConnection.closed(nats);
    rounds = new Rounds(nats, new Metrics(meter), config.pollInterval());
    health = new HealthFile(config.healthFile(), rounds::isHearing);
    hops = config.hops() ? hops(config, meter) : null;
    logs = config.logFiles().isEmpty() ? null : logs(config);
    log.info("Asking the servers every {} s", config.pollInterval().toSeconds());
  }

  private static Hops hops(Config config, Meter meter) {
    Exporters exporters = Exporters.fromEnvironment();
    return new Hops(config, new HopMetrics(meter), exporters.resource(), exporters.spans());
  }

  private static ServerLogs logs(Config config) {
    Exporters exporters = Exporters.fromEnvironment();
    return new ServerLogs(config.logFiles(), exporters.resource(), exporters.logs());
  }

  public static void main(String[] args) throws InterruptedException {
    SLF4JBridgeHandler.removeHandlersForRootLogger(); // its exporters speak java.util.logging
    SLF4JBridgeHandler.install();
    Config config = Config.fromEnvironment(); // exits 64 with every problem listed
    Meter meter = GlobalOpenTelemetry.getMeter("dev.natschat.observer");
    BrokerObserver observer = new BrokerObserver(config, meter); // waits for NATS
    Runtime.getRuntime().addShutdownHook(new Thread(observer::close, "shutdown"));
    observer.closed.join();
    System.exit(1); // whoever started us starts us again
  }

  @Override
  public void close() {
    health.close();
    try {
      if (hops != null) {
        hops.stop();
      }
      if (logs != null) {
        logs.stop();
      }
      rounds.stop();
      nats.close();
      log.info("Stopped");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
