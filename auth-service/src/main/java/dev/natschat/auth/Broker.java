package dev.natschat.auth;

import dev.natschat.service.BrokerConnection;
import dev.natschat.service.BrokerLog;
import io.nats.client.Connection;
import java.util.function.BooleanSupplier;

/** auth-service's connection to NATS. */
final class Broker {
  private Broker() {}

  /**
   * Waits for the broker.
   *
   * @param stopping asked beside the interrupt
   * @throws InterruptedException when it is stopping
   */
  static Connection connect(Config config, BooleanSupplier stopping) throws InterruptedException {
    BrokerLog log = new BrokerLog("Logins come faster than they are taken; some were dropped");
    return BrokerConnection.connect(
        BrokerConnection.options(config.natsUrl(), config.natsUser(), config.natsPassword(), log)
            .connectionName("auth-service")
            .build(),
        stopping);
  }
}
