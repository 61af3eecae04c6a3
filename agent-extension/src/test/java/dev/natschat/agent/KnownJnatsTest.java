package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.Map;
import net.bytebuddy.ByteBuddy;
import net.bytebuddy.dynamic.loading.ByteArrayClassLoader;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try")
class KnownJnatsTest {
  private final KnownJnats knownJnats = new KnownJnats(JnatsInstrumentationModule.hookedTypes);

  @Test
  void theNewestIsKnown() {
    assertThat(knownJnats.matches(getClass().getClassLoader())).isTrue();
  }

  @Test
  void theOldestIsKnown() throws Exception {
    URL oldest = Path.of("target/floor/jnats.jar").toUri().toURL();
    try (URLClassLoader loader =
        new URLClassLoader(new URL[] {oldest}, ClassLoader.getPlatformClassLoader())) {
      assertThat(knownJnats.matches(loader)).isTrue();
    }
  }

  @Test
  void aJnatsThatLacksOneHookedMethodIsLeftAlone() {
    String name = "io.nats.client.impl.NatsDispatcher";
    byte[] other = new ByteBuddy().subclass(Object.class).name(name).make().getBytes();
    ClassLoader loader =
        new ByteArrayClassLoader.ChildFirst(
            getClass().getClassLoader(),
            Map.of(name, other),
            ByteArrayClassLoader.PersistenceHandler.MANIFEST);
    assertThat(knownJnats.matches(loader)).isFalse();
  }
}
