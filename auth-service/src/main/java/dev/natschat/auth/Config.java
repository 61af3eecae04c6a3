package dev.natschat.auth;

import dev.natschat.auth.NatsJwt.SigningKey;
import dev.natschat.service.Reading;
import java.net.URI;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The environment, checked.
 *
 * @param natsUrl one or several servers, separated by commas
 * @param issuer what the tokens must name as theirs; by default Keycloak's URL and realm
 * @param issuerKey signs the users' JWTs
 * @param xkey what the broker encrypts its requests to
 * @param grants what users may do beyond the chat itself
 * @param healthFile exists, and is young, while the service is ready
 */
record Config(
    String natsUrl,
    String natsUser,
    String natsPassword,
    URI jwksUrl,
    String issuer,
    SigningKey issuerKey,
    Xkey xkey,
    Grants grants,
    @Nullable Path healthFile) {

  /** The process's own environment; with a problem in it, every problem in one line and exit 64. */
  static Config fromEnvironment() {
    return Reading.orExit("auth-service", Config::from);
  }

  /**
   * Every variable may also be given as NAME_FILE, the path of a file that holds the value.
   *
   * @throws IllegalArgumentException naming every missing or malformed variable, and no secret
   */
  static Config from(Map<String, String> environment) {
    Reading reading = new Reading(environment);
    String natsUrl = reading.natsUrl();
    String natsUser = reading.required("NATS_USER");
    String natsPassword = reading.required("NATS_PASS");
    URI keycloak = reading.parsed("KEYCLOAK_URL", Config::httpUrl, URI.create(""));
    String realm = reading.required("KEYCLOAK_REALM");
    String issuer = reading.optional("KEYCLOAK_ISSUER_URL");
    if (issuer == null) {
      issuer = keycloak + "/realms/" + realm;
    } else if (!issuer.endsWith("/realms/" + realm)) {
      reading.problem(
          "KEYCLOAK_ISSUER_URL is malformed: expected a URL that ends in /realms/" + realm);
    }
    byte[] issuerSeed = reading.parsed("ISSUER_NKEY_SEED", Nkey.ACCOUNT::decodeSeed, new byte[0]);
    byte[] xkeySeed = reading.parsed("XKEY_SEED", Nkey.CURVE::decodeSeed, new byte[0]);
    Grants grants =
        new Grants(
            reading.flag("LEGACY_INBOX", "true", "false"),
            reading.flag("BROKER_HOPS", "on", "off"));
    reading.throwProblems();
    return new Config(
        natsUrl,
        natsUser,
        natsPassword,
        URI.create(keycloak + "/realms/" + realm + "/protocol/openid-connect/certs"),
        issuer,
        new SigningKey(Nkey.ACCOUNT, issuerSeed),
        new Xkey(xkeySeed),
        grants,
        reading.healthFile());
  }

  private static URI httpUrl(String text) {
    URI url = URI.create(text.replaceFirst("/+$", ""));
    if (url.getHost() == null || url.getScheme() == null || !url.getScheme().matches("https?")) {
      throw new IllegalArgumentException("expected http(s)://host[:port]");
    }
    return url;
  }

  /** Without the secrets. */
  @Override
  public String toString() {
    return "Config[nats=%s@%s, jwks=%s, issuer=%s, %s, healthFile=%s]"
        .formatted(natsUser, natsUrl, jwksUrl, issuer, grants, healthFile);
  }
}
