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

  /** What clients publish there is no event, and only counted: nats/hops-on. */
  private static final String BROKER_HOPS = "broker.hops.*";

  static Permissions of(ChatUser user, Grants grants) {
    List<String> subscribe =
        new ArrayList<>(List.of("chat.>", "_UINBOX." + inboxToken(user) + ".>"));
    if (grants.legacyInbox()) {
      subscribe.add("_INBOX.>");
    }
    List<String> publish = new ArrayList<>();
    if (grants.brokerHops()) {
      publish.add(BROKER_HOPS);
    }
    // Requests for history are for history-service alone.
    List<String> denySubscribe = List.of("chat.history.>");
    if (user.isAdmin()) {
      publish.addAll(List.of("chat.*", "chat.history.*", "admin.*"));
      subscribe.add("admin.>");
      return new Permissions(publish, List.of("chat.__admin__"), subscribe, denySubscribe);
    }
    if (user.isUser()) {
      publish.addAll(List.of("chat.*", "chat.history.*"));
      return new Permissions(
          publish, List.of("chat.__admin__", "chat.history.__admin__"), subscribe, denySubscribe);
    }
    // Nothing allowed and nothing denied would mean everything allowed.
    List<String> denyPublish = publish.isEmpty() ? List.of(">") : List.of();
    return new Permissions(publish, denyPublish, subscribe, denySubscribe);
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
