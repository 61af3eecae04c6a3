package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bouncycastle.crypto.engines.Salsa20Engine;
import org.bouncycastle.crypto.engines.XSalsa20Engine;
import org.bouncycastle.crypto.macs.Poly1305;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.crypto.params.ParametersWithIV;
import org.bouncycastle.math.ec.rfc7748.X25519;
import org.bouncycastle.util.Pack;

/**
 * NaCl's box (X25519, XSalsa20, Poly1305) in the frame that NATS gives it: {@code xkv1}, 24 bytes
 * of nonce, 16 bytes of tag, ciphertext (<a
 * href="https://github.com/nats-io/nkeys/blob/main/xkeys.go">nkeys/xkeys.go</a>). Safe for use by
 * many threads.
 */
final class Xkey {
  private static final byte[] VERSION = "xkv1".getBytes(US_ASCII);
  private static final int NONCE = VERSION.length;
  private static final int TAG = NONCE + 24;
  private static final int TEXT = TAG + 16;
  private static final int MAX_CACHED_KEYS = 100;

  private final SecureRandom random = new SecureRandom();
  private final byte[] seed;

  /** By the other side's public key. It costs most of a box to make, and a server keeps its key. */
  private final Map<String, byte[]> boxKeys = new ConcurrentHashMap<>();

  Xkey(byte[] seed) {
    this.seed = seed.clone();
  }

  /** Encrypts for the owner of a public xkey (X...). */
  byte[] seal(byte[] text, String recipient) {
    byte[] box = Arrays.copyOf(VERSION, TEXT + text.length);
    byte[] nonce = new byte[TAG - NONCE];
    random.nextBytes(nonce);
    System.arraycopy(nonce, 0, box, NONCE, nonce.length);

    XSalsa20Engine cipher = cipher(recipient, nonce);
    Poly1305 authenticator = authenticator(cipher);
    cipher.processBytes(text, 0, text.length, box, TEXT);
    authenticator.update(box, TEXT, text.length);
    authenticator.doFinal(box, TAG);
    return box;
  }

  /**
   * Decrypts what the owner of a public xkey (X...) sealed.
   *
   * @throws IllegalArgumentException if it is not a box, or not from this sender to this key
   */
  byte[] open(byte[] box, String sender) {
    if (box.length < TEXT || !Arrays.equals(VERSION, Arrays.copyOf(box, NONCE))) {
      throw new IllegalArgumentException("not an xkv1 box");
    }
    XSalsa20Engine cipher = cipher(sender, Arrays.copyOfRange(box, NONCE, TAG));
    Poly1305 authenticator = authenticator(cipher);
    authenticator.update(box, TEXT, box.length - TEXT);
    byte[] tag = new byte[TEXT - TAG];
    authenticator.doFinal(tag, 0);
    if (!MessageDigest.isEqual(tag, Arrays.copyOfRange(box, TAG, TEXT))) {
      throw new IllegalArgumentException("sealed with another key, or changed on its way");
    }
    byte[] text = new byte[box.length - TEXT];
    cipher.processBytes(box, TEXT, text.length, text, 0);
    return text;
  }

  private XSalsa20Engine cipher(String peer, byte[] nonce) {
    XSalsa20Engine cipher = new XSalsa20Engine();
    cipher.init(true, new ParametersWithIV(new KeyParameter(boxKey(peer)), nonce));
    return cipher;
  }

  /** Keyed with the first 32 bytes of the key stream. */
  private static Poly1305 authenticator(XSalsa20Engine cipher) {
    byte[] key = new byte[32];
    cipher.processBytes(key, 0, key.length, key, 0);
    Poly1305 authenticator = new Poly1305();
    authenticator.init(new KeyParameter(key));
    return authenticator;
  }

  private byte[] boxKey(String peer) {
    if (boxKeys.size() >= MAX_CACHED_KEYS) {
      boxKeys.clear();
    }
    return boxKeys.computeIfAbsent(peer, this::agree);
  }

  private byte[] agree(String peer) {
    byte[] shared = new byte[Nkey.KEY_LENGTH];
    if (!X25519.calculateAgreement(seed, 0, Nkey.CURVE.decodePublicKey(peer), 0, shared, 0)) {
      throw new IllegalArgumentException("a public xkey of low order");
    }
    return hsalsa20(shared);
  }

  /** HSalsa20 with an input of zeros: turns the shared secret into a uniform key. */
  private static byte[] hsalsa20(byte[] key) {
    int[] sigma = Pack.littleEndianToInt("expand 32-byte k".getBytes(US_ASCII), 0, 4);
    int[] state = new int[16];
    for (int i = 0; i < 4; i++) {
      state[5 * i] = sigma[i];
    }
    Pack.littleEndianToInt(key, 0, state, 1, 4);
    Pack.littleEndianToInt(key, 16, state, 11, 4);
    int[] mixed = new int[16];
    Salsa20Engine.salsaCore(20, state, mixed);
    // salsaCore ends by adding its input, which HSalsa20 leaves out. The input words 6 to 9 are
    // zero.
    int[] words = new int[8];
    for (int i = 0; i < 4; i++) {
      words[i] = mixed[5 * i] - sigma[i];
      words[4 + i] = mixed[6 + i];
    }
    return Pack.intToLittleEndian(words);
  }
}
