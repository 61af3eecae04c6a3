package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.grpc.Status;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.LongPointData;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.testing.exporter.InMemoryMetricReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** What a real nats-server logs is exported as records of that server. */
@SuppressWarnings("try") // nobody interrupts the collector
class ServerLogsIT {
  private static final Resource OBSERVER =
      Resource.create(Attributes.of(AttributeKey.stringKey("service.name"), "broker-observer"));
  private static final String WRONG = "authentication error";
  private static final String READY = "Server is ready";

  private final InMemoryMetricReader reader = InMemoryMetricReader.create();
  private final SdkMeterProvider meters =
      SdkMeterProvider.builder().registerMetricReader(reader).build();
  private final OtlpReceiver collector = new OtlpReceiver();
  private final List<String> refused = new CopyOnWriteArrayList<>();
  private final Path directory;

  ServerLogsIT(@TempDir Path directory) throws IOException {
    this.directory = directory;
    GlobalOpenTelemetry.resetForTest();
    GlobalOpenTelemetry.set(OpenTelemetrySdk.builder().setMeterProvider(meters).build());
    collector.start();
  }

  @AfterEach
  void close() throws InterruptedException {
    GlobalOpenTelemetry.resetForTest();
    collector.close();
    meters.close();
  }

  @Test
  void everyLineIsExportedOnceWhoeverWasAway() throws Exception {
    Instant begun = Instant.now();
    try (NatsServer nats = NatsServer.start(directory)) {
      ServerLogs logs = serverLogs();
      awaitText(READY, 1);

      refuse(WRONG, Status.UNAVAILABLE);
      logIn(nats);
      eventually().until(() -> !refused.isEmpty());
      logs.stop();
      accept();
      logs = serverLogs();
      awaitText(WRONG, 1);
      nats.kill();
      nats.startAgain();
      awaitText(READY, 2);
      logs.stop();
    }

    assertThat(count(WRONG)).isEqualTo(1);
    assertThat(count("Starting nats-server")).isEqualTo(2);
    assertThat(lost()).isZero();
    assertThat(collector.logs)
        .allSatisfy(
            logs ->
                assertThat(text(logs.getResource().getAttributesList()))
                    .containsEntry("service.name", "nats-server")
                    .containsEntry("service.instance.id", "nats-chat"));
    assertThat(collector.records())
        .allSatisfy(
            record -> {
              assertThat(record.getSeverityText()).isIn("INFO", "WARN", "ERROR");
              assertThat(Instant.ofEpochSecond(0, record.getTimeUnixNano()))
                  .isBetween(begun.minusMillis(1), Instant.now());
            });
  }

  @Test
  void whatIsRefusedForGoodIsLostAndHoldsUpNothing() throws Exception {
    try (NatsServer nats = NatsServer.start(directory)) {
      ServerLogs logs = serverLogs();
      awaitText(READY, 1);

      refuse(WRONG, Status.INVALID_ARGUMENT);
      logIn(nats);
      eventually().until(() -> !refused.isEmpty());
      nats.kill();
      nats.startAgain();
      awaitText(READY, 2);
      logs.stop();
      long lost = refused.size();
      accept();
      logs = serverLogs();
      nats.kill();
      nats.startAgain();
      awaitText(READY, 3);
      logs.stop();

      assertThat(lost()).isEqualTo(lost);
    }
    assertThat(count(WRONG)).isZero();
    assertThat(collector.texts()).doesNotContainAnyElementsOf(refused);
  }

  @Test
  void aLineThatIsRefusedIsLostAlone() throws Exception {
    refuse(READY, Status.RESOURCE_EXHAUSTED);
    try (NatsServer nats = NatsServer.start(directory)) {
      ServerLogs logs = serverLogs();
      eventually().until(() -> lost() == 1);
      logIn(nats);
      awaitText(WRONG, 1);
      logs.stop();
      int written = Files.readAllLines(directory.resolve("log")).size();
      assertThat(collector.texts()).hasSize(written - 1);
    }
    assertThat(count(READY)).isZero();
    assertThat(lost()).isEqualTo(1);
  }

  /** Once a second, with another one that can be read. */
  @Test
  void aLogThatCannotBeReadIsSaidOnce() throws Exception {
    Logger logger = (Logger) LoggerFactory.getLogger(ServerLogs.class);
    ListAppender<ILoggingEvent> said = new ListAppender<>();
    said.list = new CopyOnWriteArrayList<>(); // it is read while others write
    said.start();
    logger.setLevel(Level.WARN);
    logger.addAppender(said);
    Path good = directory.resolve("log");
    ServerLogs logs =
        serverLogs(Map.of("good", good, "gone", directory.resolve("gone").resolve("log")));
    for (int look = 1; look <= 3; look++) {
      Files.writeString(
          good,
          "panic: %d\n".formatted(look),
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
      awaitText("panic: " + look, 1);
    }
    logs.stop();
    logger.detachAppender(said);
    logger.setLevel(null);

    assertThat(said.list)
        .filteredOn(line -> line.getFormattedMessage().startsWith("Cannot read the log of gone"))
        .hasSize(1);
  }

  private ServerLogs serverLogs() {
    return serverLogs(Map.of("nats-chat", directory.resolve("log")));
  }

  private ServerLogs serverLogs(Map<String, Path> files) {
    Map<String, String> settings =
        Map.of(
            "otel.exporter.otlp.endpoint", collector.endpoint(),
            "otel.exporter.otlp.timeout", "30000", // a second time, a line would be there twice
            "otel.java.exporter.otlp.retry.disabled", "true");
    settings.forEach(System::setProperty);
    ServerLogs logs = new ServerLogs(files, OBSERVER, Exporters.fromEnvironment().logs());
    settings.keySet().forEach(System::clearProperty);
    return logs;
  }

  private static void logIn(NatsServer nats) {
    assertThatThrownBy(() -> nats.connect("nobody")).hasMessageContaining("Authorization");
  }

  /** Batches with such a line. */
  private void refuse(String part, Status status) {
    collector.answer =
        texts -> {
          if (count(texts, part) == 0) {
            return Status.OK;
          }
          refused.addAll(texts);
          return status;
        };
  }

  private void accept() {
    collector.answer = texts -> Status.OK;
  }

  private void awaitText(String part, long times) {
    eventually().untilAsserted(() -> assertThat(count(part)).as(part).isEqualTo(times));
  }

  private static ConditionFactory eventually() {
    return await().atMost(Duration.ofSeconds(60));
  }

  private long count(String part) {
    return count(collector.texts(), part);
  }

  private static long count(List<String> texts, String part) {
    return texts.stream().filter(text -> text.contains(part)).count();
  }

  private static Map<String, String> text(List<KeyValue> attributes) {
    return attributes.stream()
        .collect(Collectors.toMap(KeyValue::getKey, kv -> kv.getValue().getStringValue()));
  }

  private long lost() {
    return reader.collectAllMetrics().stream()
        .filter(data -> data.getName().equals("telemetry.export.lost"))
        .flatMap(data -> data.getLongSumData().getPoints().stream())
        .mapToLong(LongPointData::getValue)
        .sum();
  }
}
