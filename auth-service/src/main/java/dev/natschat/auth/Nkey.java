package dev.natschat.auth;

import java.security.SecureRandom;
import java.util.Arrays;
import org.bouncycastle.math.ec.rfc7748.X25519;
import org.bouncycastle.math.ec.rfc8032.Ed25519;
import org.bouncycastle.util.encoders.Base32;

/**
 * The text form of NATS' keys: base32 of prefix, 32 bytes and CRC-16, without padding (<a
 * href="https://github.com/nats-io/nkeys">nats-io/nkeys</a>). jnats has it too, but knows no curve
 * keys.
 */
enum Nkey {
  /** Ed25519; the public key starts with A, the seed with SA. */
  ACCOUNT(0) {
    @Override
    byte[] publicKey(byte[] seed) {
      byte[] key = new byte[KEY_LENGTH];
      Ed25519.generatePublicKey(seed, 0, key, 0);
      return key;
    }
  },
  /** X25519, called xkey; the public key starts with X, the seed with SX. */
  CURVE(23 << 3) {
    @Override
    byte[] publicKey(byte[] seed) {
      byte[] key = new byte[KEY_LENGTH];
      X25519.scalarMultBase(seed, 0, key, 0);
      return key;
    }
  };

  static final int KEY_LENGTH = 32;
  private static final int SEED = 18 << 3;

  private final int prefix;

  Nkey(int prefix) {
    this.prefix = prefix;
  }

  /** The raw public key that belongs to a raw seed. */
  abstract byte[] publicKey(byte[] seed);

  /** A new seed in text form. */
  String newSeed(SecureRandom random) {
    byte[] seed = new byte[KEY_LENGTH];
    random.nextBytes(seed);
    return encodeSeed(seed);
  }

  String encodeSeed(byte[] seed) {
    return encode(seedPrefix(), seed);
  }

  String encodePublicKey(byte[] key) {
    return encode(new byte[] {(byte) prefix}, key);
  }

  /**
   * @throws IllegalArgumentException if the text is not a seed of this kind; the message never
   *     holds the text
   */
  byte[] decodeSeed(String text) {
    return decode(seedPrefix(), text);
  }

  /**
   * @throws IllegalArgumentException if the text is not a public key of this kind
   */
  byte[] decodePublicKey(String text) {
    return decode(new byte[] {(byte) prefix}, text);
  }

  private byte[] seedPrefix() {
    return new byte[] {(byte) (SEED | prefix >> 5), (byte) ((prefix & 31) << 3)};
  }

  private static String encode(byte[] prefix, byte[] key) {
    byte[] raw = Arrays.copyOf(prefix, prefix.length + key.length + 2);
    System.arraycopy(key, 0, raw, prefix.length, key.length);
    int crc = crc16(raw, raw.length - 2);
    raw[raw.length - 2] = (byte) crc;
    raw[raw.length - 1] = (byte) (crc >> 8);
    return Base32.toBase32String(raw).replace("=", "");
  }

  private byte[] decode(byte[] expectedPrefix, String text) {
    byte[] raw = base32(text);
    int body = raw.length - 2;
    if (raw.length != expectedPrefix.length + KEY_LENGTH + 2
        || !Arrays.equals(expectedPrefix, 0, expectedPrefix.length, raw, 0, expectedPrefix.length)
        || crc16(raw, body) != ((raw[body] & 0xff) | (raw[body + 1] & 0xff) << 8)) {
      throw new IllegalArgumentException("not an NKey of kind " + this);
    }
    return Arrays.copyOfRange(raw, expectedPrefix.length, body);
  }

  private byte[] base32(String text) {
    try {
      return Base32.decode(text + "=".repeat(-text.length() & 7));
    } catch (RuntimeException malformed) {
      // The cause is dropped on purpose: its message may hold the seed.
      throw new IllegalArgumentException("not an NKey of kind " + this + ": no base32");
    }
  }

  /** CRC-16/XMODEM. */
  private static int crc16(byte[] bytes, int length) {
    int crc = 0;
    for (int i = 0; i < length; i++) {
      crc ^= (bytes[i] & 0xff) << 8;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
      }
    }
    return crc & 0xffff;
  }
}
