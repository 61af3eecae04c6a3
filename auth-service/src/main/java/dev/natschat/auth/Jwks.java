package dev.natschat.auth;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.KeyType;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.util.JSONObjectUtils;
import dev.natschat.service.Outage;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.text.ParseException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The realm's public keys. Looking one up never waits: one thread does all the talking with
 * Keycloak, ahead of time, and what must wait for it waits in that thread's line. While Keycloak is
 * away, the keys that are known stay good.
 */
final class Jwks implements TokenValidator.Keys, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Jwks.class);

  /** Of a whole fetch: the longest that one with an unknown key waits. */
  private static final Duration TIMEOUT = Duration.ofSeconds(2);

  private static final Duration REFRESH = Duration.ofMinutes(5);
  private static final Duration RETRY = Duration.ofSeconds(2);

  /** Between two fetches for the sake of unknown keys: anybody can name one. */
  private static final Duration PAUSE = Duration.ofSeconds(10);

  private static final int MAX_WAITING = 1000;

  private final ScheduledThreadPoolExecutor keycloak =
      new ScheduledThreadPoolExecutor(1, task -> new Thread(task, "keycloak"));
  private final CompletableFuture<Void> first = new CompletableFuture<>();
  private final HttpRequest request;

  private volatile Map<String, JWSVerifier> keys = Map.of();
  private final AtomicLong failures = new AtomicLong();

  // On the thread keycloak only.
  private @Nullable HttpClient http;
  private final Outage outage = new Outage();
  private long fetchEnded = System.nanoTime();
  private long pauseEnds = System.nanoTime();

  Jwks(URI url) {
    request = HttpRequest.newBuilder(url).timeout(TIMEOUT).build();
    keycloak.execute(this::refresh);
  }

  /** Done when Keycloak has answered for the first time. */
  CompletableFuture<Void> first() {
    return first;
  }

  /** How many are known; 0 until Keycloak has answered. */
  int count() {
    return keys.size();
  }

  /** How many times Keycloak was asked, and gave none. */
  long failures() {
    return failures.get();
  }

  @Override
  public @Nullable JWSVerifier find(String keyId) {
    return keys.get(keyId);
  }

  /**
   * Runs a task that found its key unknown after the keys were fetched again, or without if that
   * was done moments ago. The caller does not wait.
   *
   * @throws RejectedExecutionException if too many are waiting
   */
  void askAgainThen(Runnable task) {
    if (keycloak.getQueue().size() >= MAX_WAITING) {
      throw new RejectedExecutionException("too many wait for Keycloak");
    }
    long asked = System.nanoTime();
    keycloak.execute(
        () -> {
          boolean fetchedSince = fetchEnded - asked > 0;
          if (!fetchedSince && System.nanoTime() - pauseEnds >= 0) {
            fetch();
            pauseEnds = fetchEnded + PAUSE.toNanos();
          }
          task.run();
        });
  }

  private void refresh() {
    Duration wait = RETRY;
    try {
      wait = fetch() ? REFRESH : RETRY;
    } catch (Error e) { // else this was the last time, and nobody would know
      log.error("cannot fetch keys", e);
    }
    Future<?> unused = keycloak.schedule(this::refresh, wait.toMillis(), TimeUnit.MILLISECONDS);
  }

  private boolean fetch() {
    boolean fetched = false;
    try {
      keys = parse(get());
      first.complete(null);
      if (outage.ends()) {
        log.info("Keycloak is back: {} key(s)", keys.size());
      }
      fetched = true;
    } catch (IOException | ParseException | TimeoutException | RuntimeException e) {
      failures.incrementAndGet();
      String reason = reason(e);
      if (outage.isNews(reason)) {
        log.warn("no keys from {}: {}; asking on, {}", request.uri(), reason, meanwhile());
      }
    } catch (InterruptedException closing) {
      Thread.currentThread().interrupt();
    }
    fetchEnded = System.nanoTime();
    return fetched;
  }

  /** The client's own exceptions have no message, or one of many for the same. */
  private static String reason(Exception e) {
    if (e instanceof TimeoutException || e.getCause() instanceof HttpTimeoutException) {
      return "no answer within " + TIMEOUT.toSeconds() + " s";
    }
    return e.getCause() instanceof ConnectException ? "cannot connect" : e.toString();
  }

  private String meanwhile() {
    return keys.isEmpty()
        ? "nobody can log in meanwhile"
        : "the %d known key(s) stay good".formatted(keys.size());
  }

  /** The timeout covers the body, too, which the client's own does not. */
  private String get() throws IOException, TimeoutException, InterruptedException {
    if (http == null) { // made here, since it takes a while
      http = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
    }
    CompletableFuture<HttpResponse<String>> future =
        http.sendAsync(request, BodyHandlers.ofString());
    try {
      HttpResponse<String> response = future.get(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
      if (response.statusCode() != 200) {
        throw new IOException("expected status 200, found " + response.statusCode());
      }
      return response.body();
    } catch (ExecutionException e) {
      throw new IOException(e.getCause());
    } finally {
      future.cancel(true);
    }
  }

  private static Map<String, JWSVerifier> parse(String json) throws ParseException {
    Map<String, Object>[] offered =
        JSONObjectUtils.getJSONObjectArray(JSONObjectUtils.parse(json), "keys");
    if (offered == null) {
      throw new ParseException("no keys in it", 0);
    }
    Map<String, JWSVerifier> keys = new HashMap<>();
    for (Map<String, Object> each : offered) {
      try {
        JWK key = JWK.parse(each);
        if (KeyUse.SIGNATURE.equals(key.getKeyUse())
            && KeyType.RSA.equals(key.getKeyType())
            && key.getKeyID() != null) {
          keys.put(key.getKeyID(), Signatures.fastest().verifier(key.toRSAKey().toRSAPublicKey()));
        }
      } catch (ParseException | JOSEException e) { // RFC 7517, section 5: the others are good
        log.debug("ignores a key of Keycloak's", e);
      }
    }
    if (keys.isEmpty()) {
      throw new ParseException("no RSA key for signatures in it", 0);
    }
    return Map.copyOf(keys);
  }

  @Override
  public void close() {
    keycloak.shutdownNow();
  }
}
