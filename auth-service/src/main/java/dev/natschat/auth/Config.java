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

  /** The configuration, or one line on standard error with every problem, and exit code 64. */
  @SuppressWarnings("SystemOut") // before there is a log
  static Config fromEnvironment(Map<String, String> environment) {
    try {
      return from(environment);
    } catch (IllegalArgumentException problems) {
      System.err.println("auth-service: " + problems.getMessage());
      System.exit(64);
      throw problems;
    }
  }

  /**
   * @throws IllegalArgumentException whose message names every problem, and no secret
   */
  static Config from(Map<String, String> environment) {
    Reader reader = new Reader(environment);
    String natsUrl = reader.required("NATS_URL");
    String natsUser = reader.required("NATS_USER");
    String natsPassword = reader.secret("NATS_PASS", Function.identity(), "");
    URI keycloak = reader.parsed("KEYCLOAK_URL", reader.required("KEYCLOAK_URL"), Config::httpUrl);
    String realm = reader.required("KEYCLOAK_REALM");
    String issuer = environment.getOrDefault("KEYCLOAK_ISSUER_URL", keycloak + "/realms/" + realm);
    if (!issuer.endsWith("/realms/" + realm)) {
      reader.problem("KEYCLOAK_ISSUER_URL: expected a URL that ends in /realms/" + realm);
    }
    byte[] issuerSeed = reader.secret("ISSUER_NKEY_SEED", Nkey.ACCOUNT::decodeSeed, new byte[0]);
    byte[] xkeySeed = reader.secret("XKEY_SEED", Nkey.CURVE::decodeSeed, new byte[0]);
    Grants grants =
        new Grants(
            reader.flag("LEGACY_INBOX", "true", "false"), reader.flag("BROKER_HOPS", "on", "off"));
    String healthFile = environment.get("HEALTH_FILE");
    reader.throwProblems();
    return new Config(
        natsUrl,
        natsUser,
        natsPassword,
        URI.create(keycloak + "/realms/" + realm + "/protocol/openid-connect/certs"),
        issuer,
        new SigningKey(Nkey.ACCOUNT, issuerSeed),
        new Xkey(xkeySeed),
        grants,
        healthFile == null ? null : Path.of(healthFile));
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

  /** Reads variables and remembers what is wrong with them. */
  private static final class Reader {
    private final Map<String, String> environment;
    private final List<String> problems = new ArrayList<>();

    Reader(Map<String, String> environment) {
      this.environment = environment;
    }

    String required(String name) {
      String value = environment.getOrDefault(name, "");
      if (value.isBlank()) {
        problem(name + " is missing");
      }
      return value;
    }

    /** The variable itself, or the content of the file that NAME_FILE names. */
    <T> T secret(String name, Function<String, T> parser, T fallback) {
      String file = environment.get(name + "_FILE");
      String value;
      if (file == null) {
        value = environment.getOrDefault(name, "");
      } else {
        try {
          value = Files.readString(Path.of(file)).strip();
        } catch (IOException e) {
          problem(name + "_FILE: cannot read " + file);
          return fallback;
        }
      }
      if (value.isEmpty()) {
        problem(name + " (or " + name + "_FILE) is missing");
        return fallback;
      }
      try {
        return parser.apply(value);
      } catch (IllegalArgumentException e) {
        problem(name + ": " + e.getMessage());
        return fallback;
      }
    }

    URI parsed(String name, String value, Function<String, URI> parser) {
      try {
        return parser.apply(value);
      } catch (IllegalArgumentException e) {
        problem(name + ": " + e.getMessage());
        return URI.create("");
      }
    }

    boolean flag(String name, String on, String off) {
      String value = environment.getOrDefault(name, off);
      if (!value.equals(on) && !value.equals(off)) {
        problem(name + ": expected " + on + " or " + off);
      }
      return value.equals(on);
    }

    void problem(String problem) {
      problems.add(problem);
    }

    void throwProblems() {
      if (!problems.isEmpty()) {
        throw new IllegalArgumentException(String.join("; ", problems));
      }
    }
  }
}
