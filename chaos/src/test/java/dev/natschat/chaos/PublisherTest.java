package dev.natschat.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Locale;
import org.junit.jupiter.api.Test;

class PublisherTest {
  @Test
  void aMessageIsJsonInEveryLocale() {
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag("ar-EG"));
    try {
      assertThat(String.format("%d", 7)).isEqualTo("\u0667");
      assertThat(Publisher.body("alice", 7, "words", 1234, 3))
          .isEqualTo(
              "{\"user\":\"alice\",\"text\":\"7 words\",\"timestamp\":1234,\"room\":\"room-3\"}");
    } finally {
      Locale.setDefault(before);
    }
  }
}
