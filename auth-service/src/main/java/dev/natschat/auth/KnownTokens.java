package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.nimbusds.jose.JWSVerifier;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Tokens that were found good, by their SHA-256: clients present the same one at every reconnect. A
 * token is known no longer than it is valid, and only as long as the realm offers the very key that
 * verified it; keys that are fetched anew are others. Safe for use by many threads.
 */
final class KnownTokens {
  private static final int MAX_TOKENS = 10_000; // some 3 MB

  private record Known(ChatUser user, String keyId, JWSVerifier key) {}

  private final Map<ByteBuffer, Known> tokens =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<ByteBuffer, Known> unused) {
          return size() > MAX_TOKENS;
        }
      };

  static ByteBuffer hash(String token) {
    try {
      return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(token.getBytes(UTF_8)));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }

  synchronized @Nullable ChatUser find(ByteBuffer hash, TokenValidator.Keys keys, Instant now) {
    Known known = tokens.get(hash);
    if (known == null) {
      return null;
    }
    if (!known.user.tokenExpires().isAfter(now) || keys.find(known.keyId) != known.key) {
      tokens.remove(hash);
      return null;
    }
    return known.user;
  }

  synchronized void add(ByteBuffer hash, ChatUser user, String keyId, JWSVerifier key) {
    tokens.put(hash, new Known(user, keyId, key));
  }

  synchronized int size() {
    return tokens.size();
  }
}
