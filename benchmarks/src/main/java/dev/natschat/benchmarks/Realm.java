package dev.natschat.benchmarks;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.interfaces.RSAPublicKey;
import java.util.Base64;

/** Gives tokens as Keycloak does, of the same claims and size, and the key to verify them with. */
final class Realm implements AutoCloseable {
  static final String NAME = "nats-chat";

  private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();

  private final KeyPair key;
  private final HttpServer server;

  Realm() throws IOException, GeneralSecurityException {
    key = newKey();
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    byte[] keys = jwks().getBytes(US_ASCII);
    server.createContext(
        "/realms/" + NAME + "/protocol/openid-connect/certs",
        exchange -> {
          try (exchange) {
            exchange.sendResponseHeaders(200, keys.length);
            exchange.getResponseBody().write(keys);
          }
        });
    server.start();
  }

  static KeyPair newKey() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    return generator.generateKeyPair();
  }

  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  String token(String name) throws GeneralSecurityException {
    return token(name, "first", 300, key);
  }

  /**
   * @param expiresIn seconds
   */
  String token(String name, String keyId, int expiresIn, KeyPair signer)
      throws GeneralSecurityException {
    long now = System.currentTimeMillis() / 1000;
    String claims =
        """
        {"exp":%d,"iat":%d,"jti":"onrtro:f0c49a8b-1bbf-c7d1-0f25-%012d",\
        "iss":"%s/realms/nats-chat","typ":"Bearer","azp":"nats-chat-app",\
        "sid":"c5HcDGpgR9MMMwR3wvvKvJ8b","acr":"1","allowed-origins":["*"],\
        "realm_access":{"roles":["user"]},"scope":"email profile","email_verified":true,\
        "name":"%s Example","preferred_username":"%s","given_name":"%s",\
        "family_name":"Example","email":"%s@example.com"}"""
            .formatted(
                now + expiresIn, now, name.hashCode() & 0xffff, url(), name, name, name, name);
    String header = "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"" + keyId + "\"}";
    String text = encode(header) + "." + encode(claims);
    Signature signature = Signature.getInstance("SHA256withRSA");
    signature.initSign(signer.getPrivate());
    signature.update(text.getBytes(US_ASCII));
    return text + "." + BASE64.encodeToString(signature.sign());
  }

  KeyPair key() {
    return key;
  }

  static String encode(String text) {
    return BASE64.encodeToString(text.getBytes(US_ASCII));
  }

  private String jwks() {
    RSAPublicKey rsa = (RSAPublicKey) key.getPublic();
    return "{\"keys\":[{\"kid\":\"first\",\"kty\":\"RSA\",\"alg\":\"RS256\",\"use\":\"sig\",\"n\":\""
        + unsigned(rsa.getModulus())
        + "\",\"e\":\""
        + unsigned(rsa.getPublicExponent())
        + "\"}]}";
  }

  private static String unsigned(BigInteger number) {
    byte[] bytes = number.toByteArray();
    int sign = bytes[0] == 0 ? 1 : 0;
    return BASE64.encodeToString(java.util.Arrays.copyOfRange(bytes, sign, bytes.length));
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
