package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DestinationTest {
  private final Destination destination = Destination.named("chat");

  /** Else each message of the hundredth user would make its attributes anew. */
  @Test
  void attributesAreMadeOncePerServerHoweverManyUsersLogIn() {
    Common first = of("nats://user:secret@broker:4222");
    for (int user = 0; user < 100; user++) {
      assertThat(of("nats://user" + user + ":secret@broker:4222")).isSameAs(first);
    }
    assertThat(of("nats://user:secret@broker:4223")).isNotSameAs(first);
  }

  private Common of(String url) {
    return destination.common(Operation.PUBLISH, new ServerAddress(url), null);
  }
}
