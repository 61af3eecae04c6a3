package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Base64;
import org.bouncycastle.math.ec.rfc8032.Ed25519;

/**
 * JWTs in NATS' dialect: algorithm {@code ed25519-nkey}, the issuer is the key that signed (<a
 * href="https://github.com/nats-io/jwt">nats-io/jwt</a>, version 2).
 */
final class NatsJwt {
  static final ObjectMapper JSON = new ObjectMapper();
  private static final String ALGORITHM = "ed25519-nkey";
  private static final Base64.Encoder ENCODER = Base64.getUrlEncoder().withoutPadding();
  private static final Base64.Decoder DECODER = Base64.getUrlDecoder();
  private static final String HEADER =
      ENCODER.encodeToString(
          "{\"typ\":\"JWT\",\"alg\":\"%s\"}".formatted(ALGORITHM).getBytes(US_ASCII));

  private NatsJwt() {}

  /** Sets {@code iss} to the key's public half and signs. */
  static String sign(ObjectNode claims, SigningKey key) {
    claims.put("iss", key.name());
    String signed = HEADER + "." + ENCODER.encodeToString(bytes(claims));
    byte[] text = signed.getBytes(US_ASCII);
    return signed + "." + ENCODER.encodeToString(key.signer.sign(text));
  }

  /**
   * The claims of a JWT that was signed by the key it names as its issuer.
   *
   * @throws IllegalArgumentException if it is none, or its issuer is not a key of this kind
   */
  static JsonNode verify(String jwt, Nkey issuerKind) {
    JsonNode claims = read(jwt);
    byte[] issuer = issuerKind.decodePublicKey(claims.path("iss").asText());
    int end = jwt.lastIndexOf('.');
    byte[] text = jwt.substring(0, end).getBytes(US_ASCII);
    byte[] signature = DECODER.decode(jwt.substring(end + 1));
    if (signature.length != Ed25519.SIGNATURE_SIZE
        || !Ed25519.verify(signature, 0, issuer, 0, text, 0, text.length)) {
      throw new IllegalArgumentException("not signed by its issuer");
    }
    return claims;
  }

  /**
   * The claims of a JWT, whoever signed it.
   *
   * @throws IllegalArgumentException if it is none
   */
  static JsonNode read(String jwt) {
    String[] parts = jwt.split("\\.", -1);
    if (parts.length != 3) {
      throw new IllegalArgumentException("not a JWT");
    }
    if (!parts[0].equals(HEADER) && !ALGORITHM.equals(json(parts[0]).path("alg").asText())) {
      throw new IllegalArgumentException("not signed by the algorithm " + ALGORITHM);
    }
    return json(parts[1]);
  }

  private static JsonNode json(String part) {
    try {
      return JSON.readTree(DECODER.decode(part));
    } catch (IOException malformed) {
      // The cause is dropped on purpose: its message quotes the text, which may hold a token.
      throw new IllegalArgumentException("no JSON in a JWT");
    }
  }

  private static byte[] bytes(ObjectNode claims) {
    try {
      return JSON.writeValueAsBytes(claims);
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException("a tree is always JSON", impossible);
    }
  }

  /** An Ed25519 key and its public half. */
  static final class SigningKey {
    private final Signatures.Signer signer;
    private final String name;

    SigningKey(Nkey kind, byte[] seed) {
      byte[] publicKey = kind.publicKey(seed);
      signer = Signatures.fastest().signer(seed.clone(), publicKey);
      name = kind.encodePublicKey(publicKey);
    }

    /** The public key in text form. */
    String name() {
      return name;
    }
  }
}
