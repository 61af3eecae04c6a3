package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.natschat.auth.NatsJwt.SigningKey;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A broker's sealed requests, and what others may send in their place. */
class RequestsTest {
  private static final byte[] OUR_SEED = seed(1);
  private static final String US = Nkey.CURVE.encodePublicKey(Nkey.CURVE.publicKey(OUR_SEED));

  private final Requests requests = new Requests(new Xkey(OUR_SEED));
  private final Server server = new Server(2);
  private final Server other = new Server(3);

  private static byte[] seed(int number) {
    byte[] seed = new byte[32];
    Arrays.fill(seed, (byte) number);
    return seed;
  }

  /** With a signing key and an xkey. */
  private static final class Server {
    final SigningKey key;
    final Xkey xkey;
    final String xkeyName;

    Server(int number) {
      key = new SigningKey(Nkey.SERVER, seed(number));
      xkey = new Xkey(seed(100 + number));
      xkeyName = Nkey.CURVE.encodePublicKey(Nkey.CURVE.publicKey(seed(100 + number)));
    }

    byte[] seal(String jwt) {
      return xkey.seal(jwt.getBytes(US_ASCII), US);
    }
  }

  private static String request(Server of, SigningKey signer, String user) {
    ObjectNode claims = NatsJwt.JSON.createObjectNode().put("aud", AuthRequest.AUDIENCE);
    ObjectNode nats = claims.putObject("nats").put("user_nkey", user);
    nats.putObject("server_id").put("id", of.key.name()).put("xkey", of.xkeyName);
    nats.putObject("connect_opts").put("auth_token", "token");
    return NatsJwt.sign(claims, signer);
  }

  private static String request(Server of, String user) {
    return request(of, of.key, user);
  }

  private static String unsigned(String jwt) {
    return jwt.substring(0, jwt.lastIndexOf('.') + 1) + "A".repeat(86);
  }

  @Test
  void aServersRequestIsRead() {
    AuthRequest request = requests.open(server.seal(request(server, "U1")), server.xkeyName);

    assertThat(request.userNkey()).isEqualTo("U1");
    assertThat(request.serverId()).isEqualTo(server.key.name());
  }

  @Test
  void whoSealsForTheFirstTimeMustShowTheServersSignature() {
    assertRefused(server.seal(unsigned(request(server, "U1"))), server.xkeyName);
    assertThat(requests.open(server.seal(request(server, "U1")), server.xkeyName)).isNotNull();
  }

  /** Only the holder of the private xkey can have sealed the second one. */
  @Test
  void theSignatureIsCheckedOnceForAnXkey() {
    assertThat(requests.open(server.seal(request(server, "U1")), server.xkeyName)).isNotNull();

    AuthRequest second =
        requests.open(server.seal(unsigned(request(server, "U2"))), server.xkeyName);

    assertThat(second.userNkey()).isEqualTo("U2");
  }

  @Test
  void aKnownXkeySpeaksForItsOwnServerOnly() {
    assertThat(requests.open(server.seal(request(server, "U1")), server.xkeyName)).isNotNull();

    assertRefused(server.seal(unsigned(request(other, "U2"))), server.xkeyName);
    assertRefused(server.seal(request(other, "U2")), server.xkeyName);
  }

  @Test
  void aStrangersXkeySpeaksForNoServer() {
    Server stranger = new Server(4);
    assertThat(requests.open(server.seal(request(server, "U1")), server.xkeyName)).isNotNull();

    assertRefused(stranger.seal(request(server, "U2")), stranger.xkeyName);
    assertRefused(stranger.seal(request(server, "U2")), server.xkeyName);
    assertRefused(stranger.seal(request(stranger, other.key, "U2")), stranger.xkeyName);
  }

  /** As an xkey is public, anybody can seal with a pair of their own; not with the server's. */
  @Test
  void aRequestSealedToSomebodyElseIsRefused() {
    byte[] box = server.xkey.seal(request(server, "U1").getBytes(US_ASCII), other.xkeyName);

    assertRefused(box, server.xkeyName);
  }

  @Test
  void whatWasChangedOnItsWayIsRefused() {
    Random random = new Random(7);
    byte[] box = server.seal(request(server, "U1"));
    assertThat(requests.open(box, server.xkeyName)).isNotNull();
    for (int i = 0; i < 2000; i++) {
      assertRefused(mutated(box, random), server.xkeyName);
    }
  }

  /** Sealed well, so that it is read, but nonsense inside: never anything but a refusal. */
  @Test
  void nonsenseInAGoodBoxIsRefused() {
    Random random = new Random(8);
    String good = request(server, "U1");
    assertThat(requests.open(server.seal(good), server.xkeyName)).isNotNull();
    for (int i = 0; i < 2000; i++) {
      byte[] text = mutated(good.substring(0, good.lastIndexOf('.')).getBytes(US_ASCII), random);
      String jwt = new String(text, ISO_8859_1);
      byte[] box = server.xkey.seal(text, US);
      // Without a signature part it is no JWT, whatever became of the rest.
      assertThatThrownBy(() -> requests.open(box, server.xkeyName))
          .as(jwt)
          .isInstanceOf(IllegalArgumentException.class);
    }
    byte[] huge = new byte[1 << 20];
    random.nextBytes(huge);
    assertRefused(server.xkey.seal(huge, US), server.xkeyName);
    assertRefused(server.seal(""), server.xkeyName);
  }

  @Test
  void rubbishInThePlaceOfAnXkeyIsRefused() {
    byte[] box = server.seal(request(server, "U1"));
    for (String sender : new String[] {"", "X", US.toLowerCase(java.util.Locale.ROOT), "ü", US}) {
      assertRefused(box, sender);
    }
  }

  /** Cut, lengthened, or with one byte changed. */
  static byte[] mutated(byte[] bytes, Random random) {
    return switch (random.nextInt(4)) {
      case 0 -> Arrays.copyOf(bytes, random.nextInt(bytes.length));
      case 1 -> Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(5000));
      case 2 -> ByteBuffer.allocate(bytes.length + 1).put((byte) 0).put(bytes).array();
      default -> {
        byte[] flipped = bytes.clone();
        int at = random.nextInt(bytes.length);
        flipped[at] ^= (byte) (1 + random.nextInt(255));
        yield flipped;
      }
    };
  }

  private void assertRefused(byte[] box, String sender) {
    assertThatThrownBy(() -> requests.open(box, sender))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
