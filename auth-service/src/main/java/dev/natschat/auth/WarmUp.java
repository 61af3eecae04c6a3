package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.natschat.auth.NatsJwt.SigningKey;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.security.interfaces.RSAPublicKey;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;

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

  private WarmUp() throws NoSuchAlgorithmException, JOSEException {
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
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    KeyPair rsa = generator.generateKeyPair();
    RSAPublicKey key = (RSAPublicKey) rsa.getPublic();
    // A new verifier each time: of a known one, the token would be known, too.
    validator = new TokenValidator(keyId -> new RSASSAVerifier(key), ISSUER, Clock.systemUTC());
    token = token(rsa);
  }

  static void run() throws Exception {
    WarmUp warmUp = new WarmUp();
    long start = System.nanoTime();
    for (int i = 0; i < ROUNDS && System.nanoTime() - start < LONGEST.toNanos(); i++) {
      warmUp.exchange();
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
    jwt.sign(new RSASSASigner(rsa.getPrivate()));
    return jwt.serialize();
  }
}
