package dev.natschat.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.testing.exporter.InMemoryMetricReader;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** What an attack leaves in the log and in the metrics. */
@SuppressWarnings("try") // the service
class RefusalsIT {
  private static final int LINES_PER_SECOND = 10;
  private static final int MAX_CONTROL_LINE = 16 * 1024; // of nats.conf

  private final InMemoryMetricReader metrics = InMemoryMetricReader.create();
  private final OpenTelemetrySdk sdk;
  private final Path temp;
  private final NatsServer nats;
  private final Realm realm = new Realm();
  private final Lines lines = new Lines();

  RefusalsIT(@TempDir Path temp) throws Exception {
    this.temp = temp;
    nats = new NatsServer(temp);
    GlobalOpenTelemetry.resetForTest();
    sdk =
        OpenTelemetrySdk.builder()
            .setMeterProvider(SdkMeterProvider.builder().registerMetricReader(metrics).build())
            .buildAndRegisterGlobal();
  }

  @BeforeEach
  void listen() {
    lines.start();
    root().addAppender(lines);
  }

  @AfterEach
  void close() {
    root().detachAppender(lines);
    realm.close();
    nats.close();
    sdk.close();
    GlobalOpenTelemetry.resetForTest();
  }

  private static Logger root() {
    return (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
  }

  @Test
  void refusalsAreCountedByReason() throws Exception {
    try (RunningService service = RunningService.ready(nats, realm, temp.resolve("health"))) {
      assertThat(sums("auth.refusals", "reason").values()).isNotEmpty().containsOnly(0L);

      assertThat(answer(realm.token("alice", "user"))).isEqualTo(RawClient.LET_IN);
      assertThat(answer("garbage")).isEqualTo(RawClient.REFUSED);
      assertThat(answer("rubbish")).isEqualTo(RawClient.REFUSED);
      assertThat(answer(expired())).isEqualTo(RawClient.REFUSED);

      eventually(
          () -> {
            assertThat(sums("auth.refusals", "reason"))
                .containsEntry("expired", 1L)
                .containsEntry("not_a_jwt", 2L)
                .containsEntry("wrong_signature", 0L);
            assertThat(sums("auth.requests", "result"))
                .containsEntry("authorized", 1L)
                .containsEntry("rejected", 3L)
                .containsEntry("error", 0L);
          });
    }
  }

  @Test
  void anAttackWritesFewLinesAndNoTokens() throws Exception {
    List<String> tokens = new ArrayList<>();
    String good = realm.token("alice", "user");
    for (int i = 0; i < 100; i++) {
      tokens.add(good.substring(0, good.length() - 50) + "A".repeat(50)); // forged
      tokens.add("secret-" + i + ".e30.e30");
      tokens.add(expired());
      tokens.add("{\\\"secret\\\":" + i);
    }
    Instant start = Instant.now();
    try (RunningService service = RunningService.ready(nats, realm, temp.resolve("health"))) {
      assertThat(answer(good)).isEqualTo(RawClient.LET_IN);
      List<RawClient> attackers = new ArrayList<>();
      for (String token : tokens) {
        attackers.add(new RawClient(nats.url()).connect(token));
      }
      for (RawClient attacker : attackers) {
        assertThat(attacker.answer()).isEqualTo(RawClient.REFUSED);
        attacker.close();
      }
      Long all = (long) tokens.size();
      eventually(() -> assertThat(sums("auth.requests", "result")).containsEntry("rejected", all));
    }
    long seconds = Duration.between(start, Instant.now()).toSeconds() + 2;
    assertThat(lines.warnings())
        .isNotEmpty()
        .hasSizeLessThanOrEqualTo((int) ((LINES_PER_SECOND + 1) * seconds));
    String payload = good.split("\\.", -1)[1];
    assertThat(lines.all)
        .noneMatch(line -> line.contains("secret"))
        .noneMatch(line -> line.contains(payload.substring(0, 40)))
        .noneMatch(line -> line.contains("eyJ"));
    assertThat(nats.output()).doesNotContain("secret-").doesNotContain("eyJ");
  }

  /** The broker cuts it off; auth-service must not even hear of it. */
  @Test
  void tokenBeyondTheBrokersControlLineReachesNobody() throws Exception {
    String tooLong = "A".repeat(MAX_CONTROL_LINE);
    try (RunningService service = RunningService.ready(nats, realm, temp.resolve("health"))) {
      for (int i = 0; i < 100; i++) {
        assertThat(answer(tooLong)).isEqualTo("-ERR 'maximum control line exceeded'");
      }
      assertThat(answer(tooLong.substring(100)))
          .isEqualTo(RawClient.REFUSED); // this one is short enough

      eventually(() -> assertThat(lines.warnings()).hasSize(1)); // the last thing that is done
      assertThat(sums("auth.requests", "result"))
          .containsEntry("authorized", 0L)
          .containsEntry("rejected", 1L)
          .containsEntry("error", 0L);
      assertThat(answer(realm.token("alice", "user"))).isEqualTo(RawClient.LET_IN);
    }
    assertThat(lines.all).noneMatch(line -> line.contains("AAAA"));
    assertThat(nats.output()).doesNotContain("A".repeat(200));
  }

  /** A client has its answer before it is counted and logged. */
  private static void eventually(ThrowingRunnable assertions) {
    await().atMost(Duration.ofSeconds(30)).untilAsserted(assertions);
  }

  private String expired() throws Exception {
    Date past = Date.from(Instant.now().minusSeconds(1));
    return Realm.sign(realm.claims("eve").expirationTime(past).build(), realm.key());
  }

  private String answer(String token) throws Exception {
    try (RawClient client = new RawClient(nats.url()).connect(token)) {
      return client.answer();
    }
  }

  private Map<String, Long> sums(String name, String attribute) {
    return metrics.collectAllMetrics().stream()
        .filter(metric -> metric.getName().equals(name))
        .map(MetricData::getLongSumData)
        .flatMap(sum -> sum.getPoints().stream())
        .collect(
            Collectors.toMap(
                point -> point.getAttributes().get(AttributeKey.stringKey(attribute)),
                point -> point.getValue()));
  }

  private static final class Lines extends AppenderBase<ILoggingEvent> {
    final Queue<String> all = new ConcurrentLinkedQueue<>();
    private final Queue<String> warnings = new ConcurrentLinkedQueue<>();

    @Override
    protected void append(ILoggingEvent event) {
      all.add(event.getFormattedMessage() + event.getThrowableProxy());
      if (event.getLevel().levelInt >= ch.qos.logback.classic.Level.WARN_INT) {
        warnings.add(event.getFormattedMessage());
      }
    }

    List<String> warnings() {
      return List.copyOf(warnings);
    }
  }
}
