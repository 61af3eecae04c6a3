package dev.natschat.observer;

import dev.natschat.service.BrokerConnection;
import dev.natschat.service.BrokerLog;
import io.nats.client.Connection;

/** broker-observer's connections to NATS. */
final class Broker {
  private Broker() {}

  /**
   * Returns when the broker has let this user in. The only replies that it may hear are those to an
   * inbox that begins with its name.
   */
  static Connection connect(Config config, String user) throws InterruptedException {
    BrokerLog log =
        new BrokerLog("More was answered than can be read; some of it is missing in the metrics");
    return BrokerConnection.connect(
        BrokerConnection.options(config.natsUrl(), user, config.natsPass(), log)
            .connectionName(user)
            .inboxPrefix("_SINBOX." + user)
            .reconnectBufferSize(0) // a question is of no use after its round
            .build());
  }
}
