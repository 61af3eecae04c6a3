package dev.natschat.client;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class InboxesTest {
  @Test
  void aSafeNameIsItsOwnToken() {
    assertThat(Inboxes.prefixFor("alice_B-9")).isEqualTo("_UINBOX.alice_B-9.");
  }

  @Test
  void anyOtherNameIsHashed() {
    // printf 'alice.smith' | sha256sum | xxd -r -p | basenc --base64url
    assertThat(Inboxes.prefixFor("alice.smith"))
        .isEqualTo("_UINBOX.=Y0JYJ1ex_-CHcFaLBELjktfaZwWDWcpQ-clwcFTtaCM.");
    assertThat(Inboxes.prefixFor("x".repeat(65))).startsWith("_UINBOX.=").hasSize(53);
    assertThat(Inboxes.prefixFor("*")).startsWith("_UINBOX.=");
  }
}
