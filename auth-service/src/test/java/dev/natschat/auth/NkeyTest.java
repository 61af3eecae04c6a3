package dev.natschat.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nats.client.NKey;
import java.security.SecureRandom;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class NkeyTest {
  @Test
  void accountSeedsAreTheOnesThatJnatsKnows() throws Exception {
    String seed = Nkey.ACCOUNT.newSeed(new SecureRandom());

    NKey theirs = NKey.fromSeed(seed.toCharArray());

    byte[] publicKey = Nkey.ACCOUNT.publicKey(Nkey.ACCOUNT.decodeSeed(seed));
    assertThat(Nkey.ACCOUNT.encodePublicKey(publicKey))
        .isEqualTo(new String(theirs.getPublicKey()));
  }

  @ParameterizedTest
  @EnumSource
  void textComesBackAsTheSameBytes(Nkey kind) {
    byte[] bytes = new byte[32];
    Arrays.fill(bytes, (byte) 0xa5);

    assertThat(kind.decodeSeed(kind.encodeSeed(bytes))).isEqualTo(bytes);
    assertThat(kind.decodePublicKey(kind.encodePublicKey(bytes))).isEqualTo(bytes);
  }

  @Test
  void kindsAreTold() {
    String curve = Nkey.CURVE.newSeed(new SecureRandom());

    assertThat(curve).startsWith("SX");
    assertThatThrownBy(() -> Nkey.ACCOUNT.decodeSeed(curve))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("ACCOUNT")
        .hasMessageNotContaining(curve);
  }

  @Test
  void aMistypedLetterIsFound() {
    String key = Nkey.CURVE.encodePublicKey(new byte[32]);
    String mistyped = key.substring(0, 20) + "B" + key.substring(21);

    assertThatThrownBy(() -> Nkey.CURVE.decodePublicKey(mistyped))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "X", "not base32!", "XÄ", "SX======"})
  void rubbishIsRefused(String text) {
    assertThatThrownBy(() -> Nkey.CURVE.decodeSeed(text))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
