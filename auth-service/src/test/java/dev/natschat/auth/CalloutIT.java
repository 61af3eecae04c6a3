package dev.natschat.auth;

import static org.assertj.core.api.Assertions.assertThat;

import io.nats.client.Connection;
import io.nats.client.Nats;
import io.nats.client.Options;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // connections
class CalloutIT {
  @Test
  void aGoodTokenIsLetIn(@TempDir Path temp) throws Exception {
    try (NatsServer nats = new NatsServer(temp);
        Realm realm = new Realm();
        RunningService service = RunningService.ready(nats, realm, temp.resolve("health"));
        Connection alice =
            Nats.connect(
                Options.builder()
                    .server(nats.url())
                    .token(realm.token("alice", "admin", "user").toCharArray())
                    .noReconnect()
                    .build())) {
      assertThat(alice.getStatus()).isEqualTo(Connection.Status.CONNECTED);
      assertThat(service.isReady()).isTrue();
    }
  }
}
