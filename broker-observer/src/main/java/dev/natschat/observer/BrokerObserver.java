package dev.natschat.observer;

import io.nats.client.Connection;
import io.nats.client.ConnectionListener.Events;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.metrics.Meter;
import java.util.concurrent.CountDownLatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks NATS servers for their statistics and offers them as metrics. */
public final class BrokerObserver implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(BrokerObserver.class);

  private final Connection nats;
  private final Rounds rounds;
  private final HealthFile health;
  private final CountDownLatch disconnected = new CountDownLatch(1);

  /** Waits for NATS. */
  BrokerObserver(Config config, Meter meter) throws InterruptedException {
    nats = Broker.connect(config);
    nats.addConnectionListener((connection, event) -> endWhenClosed(event));
    rounds = new Rounds(nats, new Metrics(meter), config.pollInterval());
    health = new HealthFile(config.healthFile(), rounds::isHearing);
    log.info("Asking the servers every {} s", config.pollInterval().toSeconds());
  }

  public static void main(String[] args) throws InterruptedException {
    Config config = Config.fromEnvironment(); // exits 64 with every problem listed
    Meter meter = GlobalOpenTelemetry.getMeter("dev.natschat.observer");
    BrokerObserver observer = new BrokerObserver(config, meter); // waits for NATS
    Runtime.getRuntime().addShutdownHook(new Thread(observer::close, "shutdown"));
    observer.disconnected.await();
    System.exit(1); // whoever started us starts us again
  }

  private void endWhenClosed(Events event) {
    if (event == Events.CLOSED) {
      disconnected.countDown();
    }
  }

  @Override
  public void close() {
    health.close();
    try {
      rounds.stop();
      nats.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
