package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What a chat user may publish and subscribe to. There is no response permission: a requester
 * chooses the reply subject, and that permission overrides every deny.
 */
record Permissions(
    List<String> publish,
    List<String> denyPublish,
    List<String> subscribe,
    List<String> denySubscribe) {
  private static final Pattern SUBJECT_TOKEN = Pattern.compile("[A-Za-z0-9_-]{1,64}");
  private static final List<String> NOTHING = List.of();

  /**
   * @param legacyInbox whether to open {@code _INBOX.>}, for clients that cannot set an inbox
   *     prefix
   */
  static Permissions of(ChatUser user, boolean legacyInbox) {
    List<String> subscribe =
        new ArrayList<>(List.of("chat.>", "_UINBOX." + inboxToken(user) + ".>"));
    if (legacyInbox) {
      subscribe.add("_INBOX.>");
    }
    // Requests for history are for history-service alone.
    List<String> denySubscribe = List.of("chat.history.>");
    if (user.isAdmin()) {
      subscribe.add("admin.>");
      return new Permissions(
          List.of("chat.*", "chat.history.*", "admin.*"),
          List.of("chat.__admin__"),
          subscribe,
          denySubscribe);
    }
    if (user.isUser()) {
      return new Permissions(
          List.of("chat.*", "chat.history.*"),
          List.of("chat.__admin__", "chat.history.__admin__"),
          subscribe,
          denySubscribe);
    }
    // Nothing allowed and nothing denied would mean everything allowed.
    return new Permissions(NOTHING, List.of(">"), subscribe, denySubscribe);
  }

  /**
   * One subject token that is this user's alone, for any name; = is in no name that is one already.
   */
  static String inboxToken(ChatUser user) {
    return SUBJECT_TOKEN.matcher(user.name()).matches()
        ? user.name()
        : "=" + Base64.getUrlEncoder().withoutPadding().encodeToString(sha256(user.name()));
  }

  /** As pub and sub of a user JWT. */
  void writeTo(ObjectNode nats) {
    write(nats.putObject("pub"), publish, denyPublish);
    write(nats.putObject("sub"), subscribe, denySubscribe);
  }

  private static void write(ObjectNode permission, List<String> allow, List<String> deny) {
    allow.forEach(permission.withArray("allow")::add);
    deny.forEach(permission.withArray("deny")::add);
  }

  private static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }
}
