package dev.natschat.auth;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.function.Supplier;

/**
 * Makes the installation's keys and passwords, one file each, and renders from them what
 * nats-server, PostgreSQL and Keycloak read. What exists is kept, so it can run before every start.
 */
public final class GenerateSecrets {
  private final SecureRandom random = new SecureRandom();
  private final Path directory;

  private GenerateSecrets(Path directory) {
    this.directory = directory;
  }

  /** Takes one argument, the directory; prints the name of each file it made, never a value. */
  @SuppressWarnings("SystemOut") // a command line tool
  public static void main(String[] args) throws IOException {
    if (args.length != 1) {
      System.err.println("usage: GenerateSecrets DIRECTORY");
      System.exit(64);
    }
    into(Path.of(args[0]));
  }

  static void into(Path directory) throws IOException {
    Files.createDirectories(directory);
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    new GenerateSecrets(directory).generate();
  }

  private void generate() throws IOException {
    String issuer = keep("issuer-nkey-seed", () -> Nkey.ACCOUNT.newSeed(random));
    String xkey = keep("xkey-seed", () -> Nkey.CURVE.newSeed(random));
    String natsAuth = keep("nats-auth-password", this::newPassword);
    String natsPersistWorker = keep("nats-persist-worker-password", this::newPassword);
    String natsHistoryService = keep("nats-history-service-password", this::newPassword);
    String natsBrokerObserver = keep("nats-broker-observer-password", this::newPassword);
    keep("postgres-password", this::newPassword);
    String postgresPersistWorker = keep("postgres-persist-worker-password", this::newPassword);
    String postgresHistoryService = keep("postgres-history-service-password", this::newPassword);
    keep("grafana-admin-password", this::newPassword);
    String keycloakAdmin = keep("keycloak-admin-password", this::newPassword);

    render(
        "nats-secrets.conf",
        """
        # Made by GenerateSecrets; nats.conf includes it as secrets.conf.
        AUTH_PASSWORD: "%s"
        PERSIST_WORKER_PASSWORD: "%s"
        HISTORY_SERVICE_PASSWORD: "%s"
        BROKER_OBSERVER_PASSWORD: "%s"
        ISSUER_PUBLIC_KEY: "%s"
        XKEY_PUBLIC_KEY: "%s"
        """
            .formatted(
                natsAuth,
                natsPersistWorker,
                natsHistoryService,
                natsBrokerObserver,
                publicKey(Nkey.ACCOUNT, issuer),
                publicKey(Nkey.CURVE, xkey)));
    render(
        "nats-hops-secrets.conf",
        """
        # Made by GenerateSecrets; nats/hops-on/account.conf includes it as hops-secrets.conf.
        BROKER_OBSERVER_PASSWORD: "%s"
        """
            .formatted(natsBrokerObserver));
    render(
        "keycloak.conf",
        """
        # Made by GenerateSecrets. Read at Keycloak's first start, and then no more.
        bootstrap-admin-username=admin
        bootstrap-admin-password=%s
        """
            .formatted(keycloakAdmin));
    // One statement a line, for `postgres --single`. The owner of a database owns its schema
    // public.
    render(
        "postgres-roles.sql",
        """
        CREATE ROLE persist_worker LOGIN PASSWORD '%s';
        CREATE ROLE history_service LOGIN PASSWORD '%s';
        CREATE DATABASE chat OWNER persist_worker;
        REVOKE ALL ON DATABASE chat FROM PUBLIC;
        GRANT CONNECT ON DATABASE chat TO persist_worker, history_service;
        """
            .formatted(postgresPersistWorker, postgresHistoryService));
  }

  private static String publicKey(Nkey kind, String seed) {
    return kind.encodePublicKey(kind.publicKey(kind.decodeSeed(seed)));
  }

  /** 256 bits; base64url needs no quoting in any of the files it goes to. */
  private String newPassword() {
    byte[] bytes = new byte[32];
    random.nextBytes(bytes);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  private String keep(String name, Supplier<String> generator) throws IOException {
    Path file = directory.resolve(name);
    if (!Files.exists(file)) {
      write(file, generator.get());
    }
    return Files.readString(file, UTF_8).strip();
  }

  private void render(String name, String content) throws IOException {
    Path file = directory.resolve(name);
    if (!Files.exists(file) || !Files.readString(file, UTF_8).equals(content)) {
      write(file, content);
    }
  }

  /** A reader sees all of the file or none; it is 0600 from its first byte. */
  @SuppressWarnings("SystemOut") // a command line tool
  private void write(Path file, String content) throws IOException {
    Path half = Files.createTempFile(directory, ".new", null);
    try {
      Files.writeString(half, content, UTF_8);
      Files.move(half, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(half);
    }
    System.out.println("made " + file);
  }
}
