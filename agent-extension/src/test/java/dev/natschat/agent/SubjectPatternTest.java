package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SubjectPatternTest {
  @ParameterizedTest
  @CsvSource({
    "chat.*, chat.a, true",
    "chat.*, chat.a.b, false",
    "chat.*, chat, false",
    "chat.*, chats.a, false",
    "chat.>, chat.a.b, true",
    "chat.>, chat, false",
    ">, chat, true",
    "*.b, a.b, true",
    "chat.a, chat.a, true",
    "chat.a, chat.b, false",
    "chat.*.c, chat.b.c, true",
    "chat.*.c, chat.b.d, false",
    "chat.>.c, chat.b.c, false",
    "chat.*x, chat.yx, false",
  })
  void matchesAsNatsDoes(String pattern, String subject, boolean matches) {
    assertThat(new SubjectPattern(pattern).matches(subject)).isEqualTo(matches);
  }
}
