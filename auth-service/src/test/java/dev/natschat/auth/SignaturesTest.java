package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.util.Base64URL;
import java.math.BigInteger;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.RSAKeyGenParameterSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SignaturesTest {
  private static final byte[] TEXT = "header.claims".getBytes(US_ASCII);
  private static final JWSHeader RS256 = new JWSHeader(JWSAlgorithm.RS256);
  private static final Signatures JAVA = new Signatures(null);

  static Stream<Named<Signatures>> both() {
    return Stream.of(
        Named.of("JDK and BouncyCastle", JAVA), Named.of("AWS-LC", Signatures.fastest()));
  }

  /** Or the other tests of it would compare Java's with itself. */
  @Test
  @EnabledOnOs(
      value = OS.LINUX,
      architectures = {"amd64", "aarch64"})
  void awsLcIsThereOnLinux() {
    assertThat(Signatures.awsLc()).isNotNull();
  }

  /** RFC 8032, section 7.1, tests 1 and 2. */
  @ParameterizedTest
  @MethodSource("both")
  void ed25519SignsAsInItsRfc(Signatures signatures) {
    assertThat(
            ed25519(
                signatures, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", ""))
        .isEqualTo(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
                + "1cf9b46bd25bf5f0595bbe24655141438e7a100b");
    assertThat(
            ed25519(
                signatures,
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "72"))
        .isEqualTo(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
                + "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  }

  private static String ed25519(Signatures signatures, String seed, String text) {
    byte[] key = HexFormat.of().parseHex(seed);
    byte[] signature =
        signatures.signer(key, Nkey.ACCOUNT.publicKey(key)).sign(HexFormat.of().parseHex(text));
    return HexFormat.of().formatHex(signature);
  }

  @Test
  void bothSignAlike() {
    Random random = new Random(1);
    for (int length = 0; length < 3000; length += 1 + length / 3) {
      byte[] seed = new byte[Nkey.KEY_LENGTH];
      byte[] text = new byte[length];
      random.nextBytes(seed);
      random.nextBytes(text);
      byte[] publicKey = Nkey.ACCOUNT.publicKey(seed);

      assertThat(Signatures.fastest().signer(seed, publicKey).sign(text))
          .isEqualTo(JAVA.signer(seed, publicKey).sign(text));
    }
  }

  @ParameterizedTest
  @MethodSource("both")
  void manyThreadsSignByOneKey(Signatures signatures) {
    byte[] seed = new byte[Nkey.KEY_LENGTH];
    Signatures.Signer signer = signatures.signer(seed, Nkey.ACCOUNT.publicKey(seed));
    byte[] expected = signer.sign(TEXT);

    assertThat(IntStream.range(0, 500).parallel().mapToObj(i -> signer.sign(TEXT)))
        .allMatch(signature -> Arrays.equals(signature, expected));
  }

  @Test
  void bothVerifyAlike() throws Exception {
    Random random = new Random(2);
    for (BigInteger exponent : List.of(BigInteger.valueOf(3), RSAKeyGenParameterSpec.F4)) {
      for (int bits : new int[] {1024, 2048, 3072}) {
        KeyPair pair = pair(bits, exponent);
        RSAPublicKey key = (RSAPublicKey) pair.getPublic();
        byte[] good = sign(pair);
        JWSVerifier java = JAVA.verifier(key);
        JWSVerifier fastest = Signatures.fastest().verifier(key);

        assertThat(verify(java, good)).isTrue();
        assertThat(verify(fastest, good)).isTrue();
        for (byte[] bad : spoilt(good, key, random)) {
          assertThat(verify(java, bad)).isFalse();
          assertThat(verify(fastest, bad)).isFalse();
        }
      }
    }
  }

  private static List<byte[]> spoilt(byte[] good, RSAPublicKey key, Random random) {
    List<byte[]> all = new ArrayList<>();
    for (int bit = 0; bit < 8 * good.length; bit += 1 + random.nextInt(100)) {
      byte[] flipped = good.clone();
      flipped[bit / 8] ^= (byte) (1 << bit % 8);
      all.add(flipped);
    }
    all.add(new byte[0]);
    all.add(new byte[good.length]);
    all.add(Arrays.copyOf(good, good.length - 1));
    all.add(Arrays.copyOf(good, good.length + 1));
    byte[] withZeroBefore = new byte[good.length + 1];
    System.arraycopy(good, 0, withZeroBefore, 1, good.length);
    all.add(withZeroBefore);
    // The same number, were it taken modulo n.
    all.add(new BigInteger(1, good).add(key.getModulus()).toByteArray());
    all.add(BigInteger.ONE.toByteArray());
    all.add(key.getModulus().subtract(BigInteger.ONE).toByteArray());
    all.add(key.getModulus().toByteArray());
    return all;
  }

  @ParameterizedTest
  @MethodSource("both")
  void anotherKeysSignatureIsNone(Signatures signatures) throws Exception {
    KeyPair pair = pair(2048, RSAKeyGenParameterSpec.F4);
    KeyPair other = pair(2048, RSAKeyGenParameterSpec.F4);

    assertThat(verify(signatures.verifier((RSAPublicKey) other.getPublic()), sign(pair))).isFalse();
  }

  @ParameterizedTest
  @MethodSource("both")
  void anotherAlgorithmIsNone(Signatures signatures) throws Exception {
    KeyPair pair = pair(2048, RSAKeyGenParameterSpec.F4);
    JWSVerifier verifier = signatures.verifier((RSAPublicKey) pair.getPublic());

    assertThatThrownBy(
            () ->
                verifier.verify(
                    new JWSHeader(JWSAlgorithm.HS256), TEXT, Base64URL.encode(sign(pair))))
        .isInstanceOf(JOSEException.class);
  }

  private static KeyPair pair(int bits, BigInteger exponent) throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(new RSAKeyGenParameterSpec(bits, exponent));
    return generator.generateKeyPair();
  }

  private static byte[] sign(KeyPair pair) throws Exception {
    Signature signature = Signature.getInstance("SHA256withRSA");
    signature.initSign(pair.getPrivate());
    signature.update(TEXT);
    return signature.sign();
  }

  private static boolean verify(JWSVerifier verifier, byte[] signature) throws JOSEException {
    return verifier.verify(RS256, TEXT, Base64URL.encode(signature));
  }
}
