package dev.natschat.auth;

import java.security.SecureRandom;
import java.util.Arrays;
import org.bouncycastle.math.ec.rfc7748.X25519;
import org.bouncycastle.math.ec.rfc8032.Ed25519;
import org.bouncycastle.util.encoders.Base32;

/**
 * The kinds of NATS' keys and their text form: base32, without padding, of a prefix, 32 bytes and a
 * CRC-16 (<a href="https://github.com/nats-io/nkeys">nats-io/nkeys</a>). jnats has the form too,
 * but knows no curve keys.
 */
enum Nkey {
  /** Ed25519; signs the users' JWTs. Public keys start with A, seeds with SA. */
  ACCOUNT(0),
  /** Ed25519; a server signs its requests with it. Public keys start with N, seeds with SN. */
  SERVER(13 << 3),
  /** X25519, also called xkey. Public keys start with X, seeds with SX. */
  CURVE(23 << 3);

  static final int KEY_LENGTH = 32;
  private static final int SEED = 18 << 3;

  private final int prefix;

  Nkey(int prefix) {
    this.prefix = prefix;
  }

  /** A new seed in text form. */
  String newSeed(SecureRandom random) {
    byte[] seed = new byte[KEY_LENGTH];
    random.nextBytes(seed);
    return encodeSeed(seed);
  }

  /** The raw public key that belongs to a raw seed. */
  byte[] publicKey(byte[] seed) {
    byte[] key = new byte[KEY_LENGTH];
    if (this == CURVE) {
      X25519.scalarMultBase(seed, 0, key, 0);
    } else {
      Ed25519.generatePublicKey(seed, 0, key, 0);
    }
    return key;
  }

  String encodeSeed(byte[] seed) {
    return encode(seedPrefix(), seed);
  }

  String encodePublicKey(byte[] key) {
    return encode(publicPrefix(), key);
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
    return decode(publicPrefix(), text);
  }

  private byte[] publicPrefix() {
    return new byte[] {(byte) prefix};
  }

  private byte[] seedPrefix() {
    return new byte[] {(byte) (SEED | prefix >> 5), (byte) ((prefix & 31) << 3)};
  }

  private static String encode(byte[] prefix, byte[] key) {
    int body = prefix.length + key.length;
    byte[] raw = Arrays.copyOf(prefix, body + 2);
    System.arraycopy(key, 0, raw, prefix.length, key.length);
    int crc = crc16(raw, body);
    raw[body] = (byte) crc;
    raw[body + 1] = (byte) (crc >> 8);
    return Base32.toBase32String(raw).replace("=", "");
  }

  private byte[] decode(byte[] prefix, String text) {
    byte[] raw = base32(text);
    int body = prefix.length + KEY_LENGTH;
    if (raw.length != body + 2
        || !Arrays.equals(prefix, Arrays.copyOf(raw, prefix.length))
        || crc16(raw, body) != ((raw[body] & 0xff) | (raw[body + 1] & 0xff) << 8)) {
      throw new IllegalArgumentException("not an NKey of kind " + this);
    }
    return Arrays.copyOfRange(raw, prefix.length, body);
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
