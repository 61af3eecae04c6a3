package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/** Stands for Keycloak where a test needs tokens that a real one would not give, or its faults. */
final class Realm implements AutoCloseable {
  static final String NAME = "nats-chat";

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final AtomicInteger fetches = new AtomicInteger();
  private final HttpServer server;
  private volatile RSAKey key;
  private volatile String oddKey = "";
  private volatile CountDownLatch answering = new CountDownLatch(0);

  Realm() throws IOException, JOSEException {
    this(0);
  }

  Realm(int port) throws IOException, JOSEException {
    key = newKey("first");
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.setExecutor(threads);
    server.createContext("/realms/" + NAME + "/protocol/openid-connect/certs", this::sendKeys);
    server.start();
  }

  static RSAKey newKey(String id) throws JOSEException {
    return new RSAKeyGenerator(2048)
        .keyID(id)
        .keyUse(KeyUse.SIGNATURE)
        .algorithm(JWSAlgorithm.RS256)
        .generate();
  }

  private void sendKeys(HttpExchange exchange) throws IOException {
    fetches.incrementAndGet();
    try (exchange) {
      answering.await();
      String keys = new JWKSet(key.toPublicJWK()).toString();
      byte[] body = keys.replaceFirst("\\[", "[" + oddKey).getBytes(UTF_8);
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
    } catch (InterruptedException closing) {
      Thread.currentThread().interrupt();
    }
  }

  /** From now on it takes connections and says nothing. */
  void hang() {
    answering = new CountDownLatch(1);
  }

  /** From now on it offers this beside its own. */
  void offer(String oddKey) {
    this.oddKey = oddKey + ",";
  }

  int fetches() {
    return fetches.get();
  }

  int port() {
    return server.getAddress().getPort();
  }

  String url() {
    return "http://127.0.0.1:" + port();
  }

  String issuer() {
    return url() + "/realms/" + NAME;
  }

  /** Signs with a new key from now on, and offers no other. */
  void rotate() throws JOSEException {
    key = newKey("second");
  }

  RSAKey key() {
    return key;
  }

  /** As Keycloak gives it to the chat's client. */
  String token(String name, String... roles) throws JOSEException {
    return sign(claims(name, roles).build(), key);
  }

  JWTClaimsSet.Builder claims(String name, String... roles) {
    Instant now = Instant.now();
    JWTClaimsSet.Builder claims =
        new JWTClaimsSet.Builder()
            .issuer(issuer())
            .issueTime(Date.from(now))
            .expirationTime(Date.from(now.plusSeconds(300)))
            .claim("typ", "Bearer")
            .claim("azp", "nats-chat-app")
            .claim("preferred_username", name);
    return roles.length == 0
        ? claims
        : claims.claim("realm_access", Map.of("roles", List.of(roles)));
  }

  static String sign(JWTClaimsSet claims, RSAKey key) throws JOSEException {
    JWSHeader header = new JWSHeader.Builder(JWSAlgorithm.RS256).keyID(key.getKeyID()).build();
    SignedJWT jwt = new SignedJWT(header, claims);
    jwt.sign(new RSASSASigner(key));
    return jwt.serialize();
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
