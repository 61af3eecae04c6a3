package dev.natschat.auth;

import dev.natschat.auth.NatsJwt.SigningKey;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;
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

  /** EX_USAGE of sysexits.h. */
  private static final int EXIT_USAGE = 64;

  private static final Pattern NATS_URLS =
      Pattern.compile("(nats|tls|ws|wss)://[^\\s,]+(,(nats|tls|ws|wss)://[^\\s,]+)*");

  /** The process's own environment; with a problem in it, every problem in one line and exit 64. */
  static Config fromEnvironment() {
    try {
      return from(System.getenv());
    } catch (IllegalArgumentException e) {
      System.err.println("auth-service: " + e.getMessage());
      System.exit(EXIT_USAGE);
      throw e;
    }
  }

  /**
   * Every variable may also be given as NAME_FILE, the path of a file that holds the value.
   *
   * @throws IllegalArgumentException naming every missing or malformed variable, and no secret
   */
  static Config from(Map<String, String> environment) {
    Reading reading = new Reading(environment);
    String natsUrl = reading.matching("NATS_URL", NATS_URLS, "nats://host:port");
    String natsUser = reading.required("NATS_USER");
    String natsPassword = reading.required("NATS_PASS");
    URI keycloak = reading.parsed("KEYCLOAK_URL", Config::httpUrl, URI.create(""));
    String realm = reading.required("KEYCLOAK_REALM");
    String issuer = reading.value("KEYCLOAK_ISSUER_URL");
    if (issuer == null) {
      issuer = keycloak + "/realms/" + realm;
    } else if (!issuer.endsWith("/realms/" + realm)) {
      reading.problems.add(
          "KEYCLOAK_ISSUER_URL is malformed: expected a URL that ends in /realms/" + realm);
    }
    byte[] issuerSeed = reading.parsed("ISSUER_NKEY_SEED", Nkey.ACCOUNT::decodeSeed, new byte[0]);
    byte[] xkeySeed = reading.parsed("XKEY_SEED", Nkey.CURVE::decodeSeed, new byte[0]);
    Grants grants =
        new Grants(
            reading.flag("LEGACY_INBOX", "true", "false"),
            reading.flag("BROKER_HOPS", "on", "off"));
    String health = environment.get("HEALTH_FILE");
    if (!reading.problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", reading.problems));
    }
    return new Config(
        natsUrl,
        natsUser,
        natsPassword,
        URI.create(keycloak + "/realms/" + realm + "/protocol/openid-connect/certs"),
        issuer,
        new SigningKey(Nkey.ACCOUNT, issuerSeed),
        new Xkey(xkeySeed),
        grants,
        health == null || health.isBlank() ? null : Path.of(health));
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

  private static final class Reading {
    private final Map<String, String> environment;
    private final List<String> problems = new ArrayList<>();

    Reading(Map<String, String> environment) {
      this.environment = environment;
    }

    String required(String name) {
      String value = value(name);
      if (value == null) {
        problems.add(name + " is missing: set it, or " + name + "_FILE to the path of a file");
        return "";
      }
      return value;
    }

    String matching(String name, Pattern pattern, String example) {
      String value = value(name);
      if (value == null || !pattern.matcher(value).matches()) {
        problems.add(
            name + (value == null ? " is missing" : " is malformed") + ": expected " + example);
        return "";
      }
      return value;
    }

    /** By a parser that says in its IllegalArgumentException what is wrong, and shows no secret. */
    <T> T parsed(String name, Function<String, T> parser, T otherwise) {
      int problemsBefore = problems.size();
      String value = required(name);
      if (problems.size() > problemsBefore) {
        return otherwise;
      }
      try {
        return parser.apply(value);
      } catch (IllegalArgumentException e) {
        problems.add(name + " is malformed: " + e.getMessage());
        return otherwise;
      }
    }

    /** Off unless it says on. */
    boolean flag(String name, String on, String off) {
      String value = value(name);
      if (value != null && !value.equals(on) && !value.equals(off)) {
        problems.add(name + " is malformed: expected " + on + " or " + off);
      }
      return on.equals(value);
    }

    private @Nullable String value(String name) {
      String file = environment.get(name + "_FILE");
      String value = environment.get(name);
      if (file != null && value != null) {
        problems.add(name + " and " + name + "_FILE are both set: expected one of them");
      } else if (file != null) {
        try {
          value = Files.readString(Path.of(file)).strip();
        } catch (IOException | IllegalArgumentException e) {
          problems.add(name + "_FILE names " + file + ", which can't be read: " + e);
          return "";
        }
      }
      return value == null || value.isBlank() ? null : value;
    }
  }
}
