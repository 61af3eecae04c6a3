package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

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
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
        Connection asker =
            Nats.connect(
                Options.builder()
                    .server(nats.url())
                    .userInfo("auth", nats.secret("nats-auth-password"))
                    .build())) {
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
