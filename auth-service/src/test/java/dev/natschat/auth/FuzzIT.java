package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.concurrent.TimeUnit.MINUTES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.natschat.auth.NatsJwt.SigningKey;
import io.nats.client.Connection;
import io.nats.client.Message;
import io.nats.client.Nats;
import io.nats.client.Options;
import io.nats.client.Subscription;
import io.nats.client.impl.Headers;
import io.nats.client.impl.NatsMessage;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.LongPointData;
import io.opentelemetry.sdk.testing.exporter.InMemoryMetricReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;

/**
 * The running service on a broker where, unlike on ours, somebody else than the broker may ask it:
 * in the account AUTH nobody can publish.
 */
@SuppressWarnings("try") // connections
class FuzzIT {
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final int ROUNDS = 1000;

  @Test
  void whateverIsAskedTheServiceAnswersGoodRequestsAfterwards(@TempDir Path temp) throws Exception {
    Random random = new Random(20);
    try (NatsServer nats = NatsServer.open(temp);
        Realm realm = new Realm();
        RunningService service = RunningService.ready(nats, realm, temp.resolve("health"));
        Connection asker = connect(nats)) {
      Asker broker = new Asker(asker, Files.readString(nats.secretFile("xkey-seed")));
      Subscription answers = asker.subscribe("answers");
      byte[] good = broker.request(realm.token("alice", "user"));
      assertThat(broker.verdict(broker.ask(good))).isEqualTo("jwt");
      byte[] refused = broker.request("garbage");
      assertThat(broker.verdict(broker.ask(refused))).isEqualTo("error");

      for (int i = 0; i < ROUNDS; i++) {
        broker.publish(RequestsTest.mutated(good, random), broker.xkeyName, "answers");
        if (i % 200 == 199) { // else more might wait than the service keeps, and "too many" be said
          assertThat(broker.verdict(broker.ask(good))).isEqualTo("jwt");
        }
      }
      broker.publish(new byte[0], broker.xkeyName, "answers");
      broker.publish(new byte[900_000], broker.xkeyName, "answers");
      broker.publish(good, null, "answers");
      broker.publish(good, "X", "answers");
      broker.publish(good, Nkey.CURVE.encodePublicKey(new byte[32]), "answers");

      // Replayed: the same answer again, to the same server, sealed to it alone, for the same user
      // key; whoever has no private half of these two has no use for it.
      assertThat(broker.verdict(broker.ask(good))).isEqualTo("jwt");
      assertThat(answers.getPendingMessageCount()).isZero();
    }
  }

  /**
   * In a storm, while the service comes to nothing: what waits fills no heap, and what is dropped
   * is counted. Too many of them, and too large ones.
   */
  @ParameterizedTest
  @CsvSource({"4000, 10", "2000, 20000"})
  void whatNobodyHasReadIsBoundedAndWhatIsDroppedIsCounted(
      int requests, int size, @TempDir Path temp) throws Exception {
    InMemoryMetricReader metrics = InMemoryMetricReader.create();
    GlobalOpenTelemetry.resetForTest();
    try (OpenTelemetrySdk sdk =
            OpenTelemetrySdk.builder()
                .setMeterProvider(SdkMeterProvider.builder().registerMetricReader(metrics).build())
                .buildAndRegisterGlobal();
        HeldUp heldUp = new HeldUp();
        NatsServer nats = NatsServer.open(temp);
        Realm realm = new Realm();
        RunningService service = RunningService.ready(nats, realm, temp.resolve("health"));
        Connection asker = connect(nats)) {
      Asker broker = new Asker(asker, Files.readString(nats.secretFile("xkey-seed")));
      for (int i = 0; i < requests; i++) {
        broker.publish(new byte[size], broker.xkeyName, "answers");
      }
      assertThat(heldUp.dropped.await(1, MINUTES)).isTrue();
      heldUp.goOn.countDown();

      await()
          .atMost(Duration.ofMinutes(1))
          .until(() -> count(metrics, "unreadable") + count(metrics, "dropped") == requests);
      assertThat(count(metrics, "error")).isEqualTo(requests);
    } finally {
      GlobalOpenTelemetry.resetForTest();
    }
  }

  /** Of a reason, or a result. */
  private static long count(InMemoryMetricReader metrics, String value) {
    return metrics.collectAllMetrics().stream()
        .flatMap(metric -> metric.getLongSumData().getPoints().stream())
        .filter(point -> point.getAttributes().asMap().containsValue(value))
        .mapToLong(LongPointData::getValue)
        .sum();
  }

  /** Who answers waits at the first line of the log, as on a machine that stalls. */
  private static final class HeldUp extends UnsynchronizedAppenderBase<ILoggingEvent>
      implements AutoCloseable {
    final CountDownLatch goOn = new CountDownLatch(1);
    final CountDownLatch dropped = new CountDownLatch(1);
    private final Logger log = (Logger) LoggerFactory.getLogger("dev.natschat");

    HeldUp() {
      start();
      log.addAppender(this);
    }

    @Override
    protected void append(ILoggingEvent event) {
      if (event.getFormattedMessage().contains("some were dropped")) {
        dropped.countDown();
      } else if (event.getLoggerName().equals(Callout.class.getName())) {
        try {
          goOn.await();
        } catch (InterruptedException closing) {
          Thread.currentThread().interrupt();
        }
      }
    }

    @Override
    public void close() {
      goOn.countDown();
      log.detachAppender(this);
    }
  }

  private static Connection connect(NatsServer nats) throws Exception {
    return Nats.connect(
        Options.builder()
            .server(nats.url())
            .userInfo("auth", nats.secret("nats-auth-password"))
            .connectionTimeout(LONG)
            .build());
  }

  /** Asks as a broker does. */
  private static final class Asker {
    private static final String SUBJECT = "$SYS.REQ.USER.AUTH";

    private final Connection nats;
    private final SigningKey key;
    private final Xkey xkey;
    private final String xkeyName;
    private final String theirXkey;

    Asker(Connection nats, String theirSeed) {
      this.nats = nats;
      byte[] seed = new SecureRandom().generateSeed(Nkey.KEY_LENGTH);
      key = new SigningKey(Nkey.SERVER, seed);
      xkey = new Xkey(seed);
      xkeyName = Nkey.CURVE.encodePublicKey(Nkey.CURVE.publicKey(seed));
      theirXkey =
          Nkey.CURVE.encodePublicKey(
              Nkey.CURVE.publicKey(Nkey.CURVE.decodeSeed(theirSeed.strip())));
    }

    byte[] request(String token) {
      ObjectNode claims = NatsJwt.JSON.createObjectNode().put("aud", AuthRequest.AUDIENCE);
      ObjectNode of = claims.putObject("nats").put("user_nkey", "U");
      of.putObject("server_id").put("id", key.name()).put("xkey", xkeyName);
      of.putObject("client_info").put("kind", "Client").put("type", "nats");
      of.putObject("connect_opts").put("auth_token", token);
      return xkey.seal(NatsJwt.sign(claims, key).getBytes(US_ASCII), theirXkey);
    }

    void publish(byte[] box, @Nullable String sender, String replyTo) {
      nats.publish(message(box, sender).replyTo(replyTo).build());
    }

    Message ask(byte[] box) throws Exception {
      Message answer = nats.request(message(box, xkeyName).build(), LONG);
      assertThat(answer).isNotNull();
      return answer;
    }

    private static NatsMessage.Builder message(byte[] box, @Nullable String sender) {
      NatsMessage.Builder message = NatsMessage.builder().subject(SUBJECT).data(box);
      return sender == null
          ? message
          : message.headers(new Headers().put("Nats-Server-Xkey", sender));
    }

    /** jwt or error. */
    String verdict(Message answer) {
      String jwt = new String(xkey.open(answer.getData(), theirXkey), US_ASCII);
      JsonNode claims = NatsJwt.verify(jwt, Nkey.ACCOUNT);
      assertThat(claims.path("aud").asText()).isEqualTo(key.name());
      return claims.path("nats").has("jwt") ? "jwt" : "error";
    }
  }
}
