package dev.natschat.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** How long each service takes from the start of its process until it is ready, and its memory. */
final class Start {
  private final Table table =
      new Table("From the start of the process to ready", "s", "CPU s", "RSS MiB 5 s later");

  void round() throws Exception {
    Machine.alone("start", this::all);
  }

  String markdown() {
    return table.markdown();
  }

  private void all(Path directory) throws Exception {
    try (TraceSink sink = TraceSink.start(directory);
        Realm realm = new Realm();
        Broker broker = Broker.startWithCallout(directory, true);
        Postgres postgres = Postgres.start(directory.resolve("postgres"))) {
      for (Tracing tracing : new Tracing[] {Tracing.OFF, Tracing.ALWAYS}) {
        one(
            "auth-service, " + tracing.label(),
            Callout.start(tracing, Callout.JVM, realm, broker, sink, directory));
        one(
            "persist-worker, " + tracing.label(),
            Persist.start(
                tracing,
                Persist.JVM,
                sink,
                broker,
                Broker.password(directory, "persist-worker"),
                postgres,
                directory));
        one(
            "history-service, " + tracing.label(),
            History.start(
                tracing,
                History.JVM,
                sink,
                broker,
                Broker.password(directory, "history-service"),
                postgres,
                directory));
      }
    }
  }

  private void one(String name, ServiceProcess process) throws IOException, InterruptedException {
    try (ServiceProcess service = process) {
      double seconds = service.awaitReady();
      double cpu = service.cpu().toMillis() / 1e3;
      TimeUnit.SECONDS.sleep(5);
      table.add(name, seconds, cpu, service.residentMebibytes());
      service.stop();
    }
  }
}
