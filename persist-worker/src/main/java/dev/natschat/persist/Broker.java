package dev.natschat.persist;

import dev.natschat.service.BrokerConnection;
import dev.natschat.service.BrokerLog;
import io.nats.client.Connection;
import io.nats.client.JetStreamSubscription;
import io.nats.client.support.Status;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** persist-worker's connection to NATS. */
final class Broker {
  private static final Logger log = LoggerFactory.getLogger(Broker.class);

  /** The only subjects this user may subscribe to. */
  private static final String INBOX_PREFIX = "_SINBOX.persist-worker";

  private Broker() {}

  /** Returns when the broker has let the worker in. */
  static Connection connect(Config config) throws InterruptedException {
    return BrokerConnection.connect(
        BrokerConnection.options(
                config.natsUrl(), config.natsUser(), config.natsPass(), new PullLog())
            .connectionName("persist-worker")
            .inboxPrefix(INBOX_PREFIX)
            .supportUTF8Subjects()
            .build());
  }

  /** Keeps quiet about how pull requests end: the inbox looks after it. */
  private static final class PullLog extends BrokerLog {
    PullLog() {
      super("Messages were dropped unread; the broker will deliver them again");
    }

    @Override
    public void pullStatusWarning(
        Connection nats, JetStreamSubscription subscription, Status status) {
      log.debug("A pull request ended: {}", status);
    }

    @Override
    public void pullStatusError(
        Connection nats, JetStreamSubscription subscription, Status status) {
      log.debug("A pull request ended: {}", status);
    }
  }
}
