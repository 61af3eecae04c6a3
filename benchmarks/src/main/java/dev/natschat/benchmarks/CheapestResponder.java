package dev.natschat.benchmarks;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.nats.client.Connection;
import io.nats.client.Message;
import io.nats.client.NUID;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import org.bouncycastle.math.ec.rfc8032.Ed25519;
import org.bouncycastle.util.encoders.Base32;

/**
 * The least that answers a callout, as the yardstick: it lets everybody in with the same
 * permissions, looks at no token, verifies nothing and encrypts nothing; the broker asks for two
 * signatures.
 */
final class CheapestResponder {
  private static final String HEADER = Realm.encode("{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}");
  private static final String PERMISSIONS =
      "\"pub\":{\"allow\":[\"chat.*\",\"chat.history.*\"]},\"sub\":{\"allow\":[\"chat.>\"]}";

  private final Connection nats;
  private final byte[] seed;
  private final byte[] publicKey = new byte[Ed25519.PUBLIC_KEY_SIZE];
  private final String name;

  private CheapestResponder(Connection nats, String nkeySeed, String name) {
    this.nats = nats;
    this.name = name;
    byte[] raw = Base32.decode(nkeySeed + "=".repeat(-nkeySeed.length() & 7));
    seed = Arrays.copyOfRange(raw, 2, 2 + Ed25519.SECRET_KEY_SIZE);
    Ed25519.generatePublicKey(seed, 0, publicKey, 0);
  }

  /** Takes NATS' address, the directory of the secrets, and the file to make when ready. */
  public static void main(String[] args) throws Exception {
    Path secrets = Path.of(args[1]);
    String nkeySeed = Files.readString(secrets.resolve("issuer-nkey-seed")).strip();
    Connection nats =
        Nats.connect(
            Options.builder()
                .server(args[0])
                .userInfo("auth", Files.readString(secrets.resolve("nats-auth-password")).strip())
                .build());
    String name = new String(io.nats.client.NKey.fromSeed(nkeySeed.toCharArray()).getPublicKey());
    CheapestResponder responder = new CheapestResponder(nats, nkeySeed, name);
    nats.createDispatcher(responder::answer).subscribe("$SYS.REQ.USER.AUTH", "auth-service");
    nats.flush(java.time.Duration.ofSeconds(5));
    Files.createFile(Path.of(args[2]));
    new CountDownLatch(1).await();
  }

  private void answer(Message message) {
    String[] parts = new String(message.getData(), US_ASCII).split("\\.", -1);
    String request = new String(Base64.getUrlDecoder().decode(parts[1]), US_ASCII);
    String user = after(request, "\"user_nkey\":\"");
    String server = after(request.substring(request.indexOf("\"server_id\"")), "\"id\":\"");
    String jwt = sign(user, "CHAT", "\"type\":\"user\",\"version\":2," + PERMISSIONS);
    String answer =
        sign(
            user,
            server,
            "\"type\":\"authorization_response\",\"version\":2,\"jwt\":\"" + jwt + "\"");
    nats.publish(message.getReplyTo(), answer.getBytes(US_ASCII));
  }

  private static String after(String text, String key) {
    int start = text.indexOf(key) + key.length();
    return text.substring(start, text.indexOf('"', start));
  }

  private String sign(String subject, String audience, String nats) {
    String claims =
        String.format(
            Locale.ROOT,
            "{\"sub\":\"%s\",\"aud\":\"%s\",\"iss\":\"%s\",\"iat\":%d,\"jti\":\"%s\",\"nats\":{%s}}",
            subject,
            audience,
            name,
            System.currentTimeMillis() / 1000,
            NUID.nextGlobal(),
            nats);
    String text = HEADER + "." + Realm.encode(claims);
    byte[] bytes = text.getBytes(US_ASCII);
    byte[] signature = new byte[Ed25519.SIGNATURE_SIZE];
    Ed25519.sign(seed, 0, publicKey, 0, bytes, 0, bytes.length, signature, 0);
    return text + "." + Base64.getUrlEncoder().withoutPadding().encodeToString(signature);
  }
}
