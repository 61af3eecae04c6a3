package dev.natschat.auth;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PermissionsTest {
  @ParameterizedTest
  @ValueSource(strings = {"alice", "A_b-9", "persist-worker", "0"})
  void aPlainNameIsItsOwnInboxToken(String name) {
    assertThat(Permissions.inboxToken(user(name))).isEqualTo(name);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"alice.smith", "*", ">", "alice.>", "a b", "Zoë", "=x", "a\r\nb", "alice@x.org"})
  void anyOtherNameIsHashedIntoOneSafeToken(String name) {
    assertThat(Permissions.inboxToken(user(name))).matches("=[A-Za-z0-9_-]{43}");
  }

  @Test
  void noTwoNamesShareAToken() {
    String hashed = Permissions.inboxToken(user("alice.smith"));
    List<String> names =
        List.of("alice", "alice.smith", "Alice", "alice.", ".alice", hashed, "=" + hashed);

    Set<String> tokens = new HashSet<>();
    names.forEach(name -> tokens.add(Permissions.inboxToken(user(name))));

    assertThat(tokens).hasSameSizeAs(names);
  }

  @Test
  void theLegacyInboxIsOpenedOnlyOnDemand() {
    assertThat(Permissions.of(user("bob"), Grants.NONE).subscribe()).doesNotContain("_INBOX.>");
    assertThat(Permissions.of(user("bob"), new Grants(true, false)).subscribe())
        .contains("_INBOX.>");
  }

  @Test
  void theBrokersHopsAreGrantedOnlyOnDemandAndThenToEverybody() {
    ChatUser noRole = new ChatUser("charlie", false, false, Instant.MAX);
    for (ChatUser user :
        List.of(new ChatUser("root", true, false, Instant.MAX), user("bob"), noRole)) {
      assertThat(Permissions.of(user, Grants.NONE).publish()).doesNotContain("broker.hops.*");
      assertThat(Permissions.of(user, new Grants(false, true)).publish()).contains("broker.hops.*");
    }
    assertThat(Permissions.of(noRole, Grants.NONE).denyPublish()).containsExactly(">");
    assertThat(Permissions.of(noRole, new Grants(false, true)).publish())
        .containsExactly("broker.hops.*");
  }

  private static ChatUser user(String name) {
    return new ChatUser(name, false, true, Instant.MAX);
  }
}
