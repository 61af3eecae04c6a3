package dev.natschat.client;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.regex.Pattern;

/** Where a user's replies arrive: the only inboxes that auth-service lets the user hear. */
final class Inboxes {
  private static final Pattern ONE_SAFE_TOKEN = Pattern.compile("[A-Za-z0-9_-]{1,64}");

  private Inboxes() {}

  static String prefixFor(String user) {
    String token = ONE_SAFE_TOKEN.matcher(user).matches() ? user : "=" + hash(user);
    return "_UINBOX." + token + ".";
  }

  private static String hash(String user) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(user.getBytes(UTF_8));
      return Base64.getUrlEncoder().withoutPadding().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
