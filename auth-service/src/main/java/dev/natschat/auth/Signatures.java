package dev.natschat.auth;

import com.amazon.corretto.crypto.provider.AmazonCorrettoCryptoProvider;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Signature;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.HexFormat;
import org.bouncycastle.math.ec.rfc8032.Ed25519;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * RSA and Ed25519: by AWS-LC where its library is found, with the same results as by the JDK and
 * BouncyCastle elsewhere, in a fraction of the time, and as fast for the first client as for the
 * last. Safe for use by many threads.
 */
final class Signatures {
  private static final Logger log = LoggerFactory.getLogger(Signatures.class);
  private static final String ED25519 = "Ed25519";

  /** What comes before the key in its PKCS #8 form (RFC 8410, section 7). */
  private static final String PKCS8 = "302e020100300506032b657004220420";

  private static final Signatures fastest = new Signatures(awsLc());

  private final @Nullable Provider provider;

  /**
   * @param provider null: the JDK and BouncyCastle
   */
  Signatures(@Nullable Provider provider) {
    this.provider = provider;
  }

  /** By AWS-LC if it is there. */
  static Signatures fastest() {
    return fastest;
  }

  /** Null where it cannot be loaded. */
  static @Nullable Provider awsLc() {
    // The library that lies beside the program. The provider would write one into the temporary
    // directory otherwise, where a container may execute nothing.
    System.setProperty("com.amazon.corretto.crypto.provider.useExternalLib", "true");
    System.setProperty("com.amazon.corretto.crypto.provider.registerEdKeyFactory", "true");
    AmazonCorrettoCryptoProvider provider = AmazonCorrettoCryptoProvider.INSTANCE;
    if (provider.getLoadingError() == null) {
      return provider;
    }
    log.info(
        "Works without AWS-LC, so each login takes about twice the processor time: it needs"
            + " -Djava.library.path=lib with {} for this platform in it",
        System.mapLibraryName("amazonCorrettoCryptoProvider"));
    return null;
  }

  /** Signs by one key. */
  interface Signer {
    byte[] sign(byte[] text);
  }

  /** Signs by an Ed25519 key. */
  Signer signer(byte[] seed, byte[] publicKey) {
    if (provider == null) {
      return text -> {
        byte[] signature = new byte[Ed25519.SIGNATURE_SIZE];
        Ed25519.sign(seed, 0, publicKey, 0, text, 0, text.length, signature, 0);
        return signature;
      };
    }
    Provider by = provider;
    PrivateKey key = privateKey(seed, by);
    return text -> {
      try {
        Signature signature = Signature.getInstance(ED25519, by);
        signature.initSign(key);
        signature.update(text);
        return signature.sign();
      } catch (GeneralSecurityException impossible) {
        throw new IllegalStateException("a good key does not sign", impossible);
      }
    };
  }

  private static PrivateKey privateKey(byte[] seed, Provider provider) {
    byte[] encoded = HexFormat.of().parseHex(PKCS8 + HexFormat.of().formatHex(seed));
    try {
      return KeyFactory.getInstance(ED25519, provider)
          .generatePrivate(new PKCS8EncodedKeySpec(encoded));
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException("every 32 bytes are an Ed25519 key", impossible);
    }
  }

  /**
   * Verifies by an RSA key.
   *
   * @throws JOSEException if the key is none
   */
  JWSVerifier verifier(RSAPublicKey key) throws JOSEException {
    if (provider == null) {
      return new RSASSAVerifier(key);
    }
    try {
      // Here, not for each token.
      RSAPublicKey own = (RSAPublicKey) KeyFactory.getInstance("RSA", provider).translateKey(key);
      RSASSAVerifier verifier = new RSASSAVerifier(own);
      verifier.getJCAContext().setProvider(provider);
      return verifier;
    } catch (GeneralSecurityException e) {
      throw new JOSEException("no RSA key: " + e.getMessage(), e);
    }
  }
}
