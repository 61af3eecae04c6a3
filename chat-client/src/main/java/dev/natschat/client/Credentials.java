package dev.natschat.client;

import dev.natschat.client.ChatException.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Who talks. */
final class Credentials {
  @Option(
      names = {"-u", "--user"},
      paramLabel = "NAME",
      required = true,
      defaultValue = "${env:CHAT_USER}",
      description = "Your name in Keycloak; environment CHAT_USER.")
  String user = "";

  @Option(
      names = {"-p", "--password"},
      paramLabel = "PASSWORD",
      interactive = true,
      arity = "0..1",
      defaultValue = "${env:CHAT_PASSWORD}",
      description = "Without a value it is asked for; environment CHAT_PASSWORD.")
  @Nullable String password;

  @Option(
      names = "--password-file",
      paramLabel = "PATH",
      defaultValue = "${env:CHAT_PASSWORD_FILE}",
      description = "A file that holds the password; environment CHAT_PASSWORD_FILE.")
  @Nullable Path passwordFile;

  /** Fetches a first token, so that a wrong password shows now. */
  Chat logIn(Servers servers) {
    return Chat.logIn(servers, user, password());
  }

  private String password() {
    if (passwordFile != null) {
      try {
        return Files.readString(passwordFile).strip();
      } catch (IOException e) {
        throw new ChatException(Kind.USAGE, "--password-file can't be read: " + e, e);
      }
    }
    if (password == null) {
      throw new ChatException(
          Kind.USAGE, "a password is missing: set CHAT_PASSWORD, or add -p to be asked for it");
    }
    return password;
  }
}
