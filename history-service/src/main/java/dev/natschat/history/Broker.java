package dev.natschat.history;

import dev.natschat.service.BodilessPort;
import dev.natschat.service.BrokerConnection;
import dev.natschat.service.BrokerLog;
import io.nats.client.Connection;

/** history-service's connection to NATS. */
final class Broker {
  private Broker() {}

  /**
   * Returns when the broker has let the service in.
   *
   * @param workers run the handlers, each from its start to its end: so does the handler's span
   */
  static Connection connect(Config config, Workers workers) throws InterruptedException {
    return BrokerConnection.connect(
        BrokerConnection.options(
                config.natsUrl(), config.natsUser(), config.natsPass(), new RequestLog())
            .connectionName("history-service")
            .dataPortType(BodilessPort.class.getName()) // the subject says it all
            .supportUTF8Subjects() // rooms have names in every script
            .executor(workers)
            .useDispatcherWithExecutor()
            .readerThreadFactory(task -> new Thread(task, "nats-reader"))
            .writerThreadFactory(task -> new Thread(task, "nats-writer"))
            .build());
  }

  private static final class RequestLog extends BrokerLog {
    RequestLog() {
      super("Requests arrive faster than they can even be refused; some are dropped");
    }

    @Override
    public void exceptionOccurred(Connection nats, Exception exception) {
      if (!(exception instanceof RequestFailed)) { // of which the requester was told
        super.exceptionOccurred(nats, exception);
      }
    }
  }
}
