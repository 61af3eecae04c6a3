package dev.natschat.auth;

import static java.math.BigInteger.ONE;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.security.spec.RSAKeyGenParameterSpec.F4;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.crypto.opts.AllowWeakRSAKey;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.natschat.auth.NatsJwt.SigningKey;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.SecureRandom;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.RSAPrivateKeySpec;
import java.security.spec.RSAPublicKeySpec;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;

/**
 * Goes through a whole exchange with made-up keys until it is fast. A cold JVM answers the first
 * hundreds of clients too slowly: in a storm of connects they would meet the broker's timeout.
 */
final class WarmUp {
  private static final int ROUNDS = 300;
  private static final Duration LONGEST = Duration.ofSeconds(2);
  private static final String ISSUER = "warm-up";

  private final Xkey brokerXkey;
  private final Xkey ourXkey;
  private final Requests requests;
  private final String brokerXkeyName;
  private final String ourXkeyName;
  private final SigningKey brokerKey;
  private final Issuer issuer;
  private final TokenValidator validator;
  private final String token;

  private WarmUp() throws GeneralSecurityException, JOSEException {
    SecureRandom random = new SecureRandom();
    byte[] brokerSeed = random.generateSeed(Nkey.KEY_LENGTH);
    byte[] ourSeed = random.generateSeed(Nkey.KEY_LENGTH);
    brokerXkey = new Xkey(brokerSeed);
    brokerXkeyName = Nkey.CURVE.encodePublicKey(Nkey.CURVE.publicKey(brokerSeed));
    ourXkey = new Xkey(ourSeed);
    requests = new Requests(ourXkey);
    ourXkeyName = Nkey.CURVE.encodePublicKey(Nkey.CURVE.publicKey(ourSeed));
    brokerKey = new SigningKey(Nkey.SERVER, brokerSeed);
    issuer = new Issuer(new SigningKey(Nkey.ACCOUNT, ourSeed), Clock.systemUTC());
    KeyPair rsa = rsaKey();
    RSAPublicKey key = (RSAPublicKey) rsa.getPublic();
    // A new verifier each time: of a known one, the token would be known, too.
    validator = new TokenValidator(keyId -> verifier(key), ISSUER, Clock.systemUTC());
    token = token(rsa);
  }

  /** Begins, on a thread of its own; what it returns is done when it is. */
  static Future<?> start() {
    FutureTask<?> task = new FutureTask<>(WarmUp::run, null);
    Thread thread = new Thread(task, "warm-up");
    thread.setDaemon(true); // a bad configuration ends the program meanwhile
    thread.start();
    return task;
  }

  private static void run() {
    try {
      WarmUp warmUp = new WarmUp();
      long start = System.nanoTime();
      for (int i = 0; i < ROUNDS && System.nanoTime() - start < LONGEST.toNanos(); i++) {
        warmUp.exchange();
      }
    } catch (GeneralSecurityException | JOSEException | Refusal impossible) {
      throw new IllegalStateException("an exchange with made-up keys failed", impossible);
    }
  }

  /** Of two Mersenne primes: to look for secret ones takes a tenth of the start, sometimes more. */
  private static KeyPair rsaKey() throws GeneralSecurityException {
    BigInteger p = ONE.shiftLeft(607).subtract(ONE);
    BigInteger q = ONE.shiftLeft(1279).subtract(ONE);
    BigInteger n = p.multiply(q);
    BigInteger d = F4.modInverse(p.subtract(ONE).multiply(q.subtract(ONE)));
    KeyFactory factory = KeyFactory.getInstance("RSA");
    return new KeyPair(
        factory.generatePublic(new RSAPublicKeySpec(n, F4)),
        factory.generatePrivate(new RSAPrivateKeySpec(n, d)));
  }

  private static JWSVerifier verifier(RSAPublicKey key) {
    try {
      return Signatures.fastest().verifier(key);
    } catch (JOSEException impossible) {
      throw new IllegalStateException("a good key verifies nothing", impossible);
    }
  }

  private void exchange() throws Refusal {
    byte[] question = brokerXkey.seal(question().getBytes(US_ASCII), ourXkeyName);
    AuthRequest request = requests.open(question, brokerXkeyName);
    ChatUser user = validator.validate(request.token());
    String userJwt = issuer.userJwt(request, user, Permissions.of(user, Grants.NONE));
    ourXkey.seal(issuer.admission(request, userJwt).getBytes(US_ASCII), request.serverXkey());
  }

  private String question() {
    ObjectNode claims = NatsJwt.JSON.createObjectNode().put("aud", AuthRequest.AUDIENCE);
    ObjectNode nats = claims.putObject("nats").put("user_nkey", brokerKey.name());
    nats.putObject("server_id").put("id", brokerKey.name()).put("xkey", brokerXkeyName);
    nats.putObject("client_info").put("kind", "Client").put("type", "nats");
    nats.putObject("connect_opts").put("auth_token", token);
    return NatsJwt.sign(claims, brokerKey);
  }

  private static String token(KeyPair rsa) throws JOSEException {
    JWTClaimsSet claims =
        new JWTClaimsSet.Builder()
            .issuer(ISSUER)
            .claim("typ", "Bearer")
            .claim("azp", TokenValidator.CLIENT)
            .claim("preferred_username", "warm.up")
            .claim("realm_access", Map.of("roles", List.of("admin", "user")))
            .expirationTime(Date.from(Instant.now().plusSeconds(60)))
            .build();
    JWSHeader header = new JWSHeader.Builder(JWSAlgorithm.RS256).keyID(ISSUER).build();
    SignedJWT jwt = new SignedJWT(header, claims);
    jwt.sign(new RSASSASigner(rsa.getPrivate(), Set.of(AllowWeakRSAKey.getInstance())));
    return jwt.serialize();
  }
}
