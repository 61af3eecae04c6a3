package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class XkeyTest {
  private static final byte[] ALICE_SEED = bytesFrom(1);
  private static final byte[] BOB_SEED = bytesFrom(101);
  private static final String ALICE = "XAD2G7F4CQQJHSFXKXOBWEHINS2CMN2K2FVKQU7NBPP4BMVYNUOHZWPX";
  private static final String BOB = "XBLRI5U5CFV7OZBWVZ2LY6J5FQYK2GIDYWNMKJZYAXD6E2MLIEGDMZ4H";

  private final Xkey alice = new Xkey(ALICE_SEED);
  private final Xkey bob = new Xkey(BOB_SEED);

  private static byte[] bytesFrom(int first) {
    byte[] bytes = new byte[32];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (first + i);
    }
    return bytes;
  }

  @Test
  void publicKeysAreThoseOfNkeys() {
    assertThat(Nkey.CURVE.encodePublicKey(Nkey.CURVE.publicKey(ALICE_SEED))).isEqualTo(ALICE);
    assertThat(Nkey.CURVE.encodePublicKey(Nkey.CURVE.publicKey(BOB_SEED))).isEqualTo(BOB);
  }

  /** Sealed by github.com/nats-io/nkeys 0.4.16, from Alice to Bob. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''|786b76316b218299fc506aee46636f052b8d78f3e22a51e693bf17b971d169765cc35e08239a22a969b0c04c",
        "x|786b763136bb71f30971137a57238b7523d3a890a5e6728c564295c1c061134472f8352ed96606b8ae95ab7996",
        "Zum Beispiel: eine Nachricht, die länger ist als ein Block von vierundsechzig Bytes, und dann"
            + " noch etwas.|786b763125a22b486c7323ac7ec991a94bde44d4f367efcfdbebbd5bc3e48d2003c806a6cb8a"
            + "f9ac16c68a600abebf90dc2074186425b45018feb2a3df80dfe036b6f51f896d8d0e96bdf8059fcb0cdb322e"
            + "cd9adc62f2717fc20c3a4231f73bc3ec425bab71d1f2a0e120ac0a22af63e42857600c1beffdfbcdcbfd7ae4"
            + "4825951ae457a4bcf9916aed7e614f79f19ec3df311722b1"
      })
  void boxesOfNkeysAreOpened(String text, String box) {
    assertThat(new String(bob.open(HexFormat.of().parseHex(box), ALICE), UTF_8)).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 31, 32, 33, 63, 64, 65, 8192})
  void whatIsSealedIsOpened(int length) {
    byte[] text = new byte[length];
    new Random(length).nextBytes(text);

    assertThat(bob.open(alice.seal(text, BOB), ALICE)).isEqualTo(text);
  }

  @Test
  void noTwoBoxesAreAlike() {
    assertThat(alice.seal(new byte[9], BOB)).isNotEqualTo(alice.seal(new byte[9], BOB));
  }

  @Test
  void everyFlippedBitIsFound() {
    byte[] box = alice.seal("a token".getBytes(UTF_8), BOB);
    for (int bit = 0; bit < 8 * box.length; bit++) {
      byte[] flipped = box.clone();
      flipped[bit / 8] ^= (byte) (1 << bit % 8);
      assertThatThrownBy(() -> bob.open(flipped, ALICE))
          .as("bit %s", bit)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void everyTruncationIsFound() {
    byte[] box = alice.seal("a token".getBytes(UTF_8), BOB);
    for (int length = 0; length < box.length; length++) {
      byte[] truncated = Arrays.copyOf(box, length);
      assertThatThrownBy(() -> bob.open(truncated, ALICE))
          .as("length %s", length)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void onlyTheRecipientOpensIt() {
    byte[] box = alice.seal("a token".getBytes(UTF_8), BOB);

    assertThatThrownBy(() -> bob.open(box, BOB)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Xkey(bytesFrom(7)).open(box, ALICE))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aPublicKeyOfLowOrderIsRefused() {
    String zero = Nkey.CURVE.encodePublicKey(new byte[32]);

    assertThatThrownBy(() -> alice.seal(new byte[1], zero))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
