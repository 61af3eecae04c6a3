package dev.natschat.persist;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.natschat.persist.Poison.Reason;
import dev.natschat.service.Reading;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * Lists, shows and replays dead letters, by the worker's own rules and with its own role in the
 * database: DATABASE_URL, DATABASE_USER, and DATABASE_PASSWORD or DATABASE_PASSWORD_FILE.
 *
 * <p>A replayed message is not published again: whoever was there has heard it. It becomes the row
 * that it should have been, under the key that it has in the stream, so it can't be there twice.
 */
@Command(
    name = "dead-letters",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = "What persist-worker could not store, and why; kept until it is replayed.")
public final class DeadLetters {
  private static final String COLUMNS =
      "SELECT id, subject, headers, body, reason, dead_at, stream_seq, stored_at, replayed_at"
          + " FROM dead_letters ";
  private static final String CHOSEN =
      " WHERE replayed_at IS NULL AND (?::text IS NULL OR split_part(reason, ':', 1) = ?)";

  private static final String INSERT_MESSAGE =
      """
      INSERT INTO messages (room, username, text, timestamp, stream_seq, stored_at)
      VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (stream_seq, stored_at) DO NOTHING
      """;

  private static final int LONGEST_PREVIEW = 80;

  /**
   * Control characters and the explicit bidirectional ones (Unicode Standard Annex 9); the joiners
   * of emoji and Persian are neither.
   */
  private static final String COMMANDS = "\\p{Cc}\\u202A-\\u202E\\u2066-\\u2069";

  private final Map<String, String> environment;

  @Spec
  @SuppressWarnings("NullAway.Init") // by picocli
  private CommandSpec spec;

  private DeadLetters(Map<String, String> environment) {
    this.environment = environment;
  }

  public static void main(String[] args) {
    System.exit(commandLine(System.getenv()).execute(args));
  }

  /** Exit code 0: done; 1: not, or not all; 2: not understood. */
  static CommandLine commandLine(Map<String, String> environment) {
    return new CommandLine(new DeadLetters(environment))
        .setExecutionExceptionHandler(
            (failure, command, parsed) -> {
              command.getErr().println("dead-letters: " + failure.getMessage());
              return 1;
            });
  }

  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description = "How many there are of each reason, and the newest of them.")
  int list(
      @Option(names = "--reason", description = "only these, such as too_long")
          @Nullable String reason,
      @Option(names = "--limit", defaultValue = "20", description = "default: ${DEFAULT-VALUE}")
          int limit)
      throws SQLException, IOException {
    try (Connection database = connect()) {
      try (PreparedStatement count =
          chosen(
              database,
              "SELECT split_part(reason, ':', 1), count(*) FROM dead_letters",
              reason,
              " GROUP BY 1 ORDER BY 2 DESC")) {
        ResultSet each = count.executeQuery();
        boolean none = true;
        while (each.next()) {
          none = false;
          out().printf("%,8d  %s%n", each.getLong(2), each.getString(1));
        }
        if (none) {
          out().println("no dead letters" + (reason == null ? "" : " of reason " + reason));
        }
      }
      try (PreparedStatement newest =
          chosen(database, COLUMNS, reason, " ORDER BY id DESC LIMIT " + limit)) {
        ResultSet row = newest.executeQuery();
        while (row.next()) {
          Letter letter = new Letter(row);
          out()
              .printf(
                  "%n%d  %s  %s  %d bytes%n    %s%n    %s%n",
                  letter.id,
                  letter.deadAt,
                  harmless(letter.subject),
                  letter.body.length,
                  harmless(letter.reason),
                  letter.preview());
        }
      }
    }
    return 0;
  }

  @Command(
      name = "show",
      mixinStandardHelpOptions = true,
      description = "One as it came: subject, headers, reason, body.")
  int show(@Parameters(paramLabel = "ID") long id) throws SQLException, IOException {
    try (Connection database = connect();
        PreparedStatement statement = database.prepareStatement(COLUMNS + "WHERE id = ?")) {
      statement.setLong(1, id);
      ResultSet row = statement.executeQuery();
      if (!row.next()) {
        throw new IllegalArgumentException("there is no dead letter " + id);
      }
      Letter letter = new Letter(row);
      out().println("id        " + letter.id);
      out().println("subject   " + harmless(letter.subject));
      out().println("headers   " + harmless(letter.headers));
      out().println("reason    " + harmless(letter.reason));
      out().println("dead      since " + letter.deadAt);
      out().println("replayed  " + (letter.replayedAt == null ? "no" : letter.replayedAt));
      out()
          .println("stream    sequence " + letter.sequence + ", stored " + letter.storedAt + " ns");
      out().println("body      " + letter.body.length + " bytes");
      out().println();
      out().println(replaced("[" + COMMANDS + "&&[^\n\t]]", new String(letter.body, UTF_8)));
    }
    return 0;
  }

  @Command(
      name = "replay",
      mixinStandardHelpOptions = true,
      description = {
        "Makes rows of those that can be rows now: after a fix of the worker or of the table.",
        "Nothing is published again. Exit code 1 when some are still dead."
      })
  int replay(
      @Parameters(paramLabel = "ID", arity = "0..*") @Nullable List<String> ids,
      @Option(names = "--all", description = "all that are dead") boolean all,
      @Option(names = "--reason", description = "all of this reason") @Nullable String reason)
      throws SQLException, IOException {
    List<Long> named = numbers(ids == null ? List.of() : ids);
    if (named.isEmpty() == (!all && reason == null)) {
      throw new ParameterException(
          spec.commandLine(), "expected the IDs of dead letters, or --reason, or --all");
    }
    int replayed = 0;
    int dead = 0;
    try (Connection database = connect()) {
      database.setAutoCommit(false);
      for (long id : named.isEmpty() ? idsOf(database, reason) : named) {
        String problem = replay(database, id);
        if (problem == null) {
          replayed++;
        } else {
          dead++;
          out().println(id + " is still dead: " + harmless(problem));
        }
      }
    }
    out().printf("%,d replayed, %,d still dead%n", replayed, dead);
    return dead == 0 ? 0 : 1;
  }

  /** As text, for picocli takes what is no number for an argument of nothing. */
  private List<Long> numbers(List<String> ids) {
    List<Long> numbers = new ArrayList<>();
    for (String id : ids) {
      try {
        numbers.add(Long.valueOf(id));
      } catch (NumberFormatException e) {
        throw new ParameterException(
            spec.commandLine(), id + " is no dead letter's ID: expected a number");
      }
    }
    return numbers;
  }

  private static List<Long> idsOf(Connection database, @Nullable String reason)
      throws SQLException {
    List<Long> ids = new ArrayList<>();
    try (PreparedStatement statement =
        chosen(database, "SELECT id FROM dead_letters", reason, " ORDER BY id")) {
      ResultSet row = statement.executeQuery();
      while (row.next()) {
        ids.add(row.getLong(1));
      }
    }
    return ids;
  }

  /** Row and mark in one transaction; gives what still is in the way. */
  private static @Nullable String replay(Connection database, long id) throws SQLException {
    try (PreparedStatement select = database.prepareStatement(COLUMNS + "WHERE id = ? FOR UPDATE");
        PreparedStatement insert = database.prepareStatement(INSERT_MESSAGE);
        PreparedStatement mark =
            database.prepareStatement("UPDATE dead_letters SET replayed_at = now() WHERE id = ?")) {
      select.setLong(1, id);
      ResultSet row = select.executeQuery();
      if (!row.next()) {
        return "there is none of this ID";
      }
      Letter letter = new Letter(row);
      if (letter.replayedAt != null) {
        return null;
      }
      ChatMessage message = letter.parse();
      insert.setString(1, message.room());
      insert.setString(2, message.user());
      insert.setString(3, message.text());
      insert.setLong(4, message.timestamp());
      insert.setLong(5, letter.sequence);
      insert.setLong(6, letter.storedAt);
      insert.executeUpdate();
      mark.setLong(1, id);
      mark.executeUpdate();
      database.commit();
      return null;
    } catch (Poison poison) {
      return poison.reason().errorType() + ": " + poison.getMessage();
    } catch (SQLException e) {
      if (!MessageStore.refusesData(e)) {
        throw e;
      }
      return String.valueOf(e.getMessage()).lines().findFirst().orElse("refused");
    } finally {
      database.rollback(); // nothing, after a commit
    }
  }

  private static PreparedStatement chosen(
      Connection database, String select, @Nullable String reason, String end) throws SQLException {
    PreparedStatement statement = database.prepareStatement(select + CHOSEN + end);
    statement.setString(1, reason);
    statement.setString(2, reason);
    return statement;
  }

  /** Somebody else's text must not command this terminal. */
  private static String harmless(String text) {
    return replaced("[" + COMMANDS + "]", text);
  }

  private static String replaced(String characters, String text) {
    return text.replaceAll(characters, "\uFFFD");
  }

  private static final class Letter {
    private final long id;
    private final String subject;
    private final String headers;
    private final byte[] body;
    private final String reason;
    private final String deadAt;
    private final long sequence;
    private final long storedAt;
    private final @Nullable String replayedAt;

    private Letter(ResultSet row) throws SQLException {
      id = row.getLong(1);
      subject = row.getString(2);
      headers = row.getString(3);
      body = row.getBytes(4);
      reason = row.getString(5);
      deadAt = row.getString(6);
      sequence = row.getLong(7);
      storedAt = row.getLong(8);
      replayedAt = row.getString(9);
    }

    ChatMessage parse() throws Poison {
      ChatMessage message =
          ChatMessage.parse(subject, body, TimeUnit.NANOSECONDS.toMillis(storedAt));
      if (reason.startsWith(Reason.NUL_CHARACTER.errorType())) { // so it was in the subject
        throw new Poison(Reason.NUL_CHARACTER, "the room's name is not kept as it was");
      }
      return message;
    }

    String preview() {
      String text = new String(body, 0, Math.min(body.length, LONGEST_PREVIEW), UTF_8);
      return harmless(text) + (body.length > LONGEST_PREVIEW ? "..." : "");
    }
  }

  private Connection connect() throws SQLException, IOException {
    Reading reading = new Reading(environment);
    String url = reading.databaseUrl();
    reading.throwProblems();
    Properties properties = new Properties();
    properties.setProperty("user", needed("DATABASE_USER"));
    properties.setProperty("password", password());
    properties.setProperty("loginTimeout", "10"); // of a server that hangs
    return DriverManager.getConnection(url, properties);
  }

  private String password() throws IOException {
    String file = environment.get("DATABASE_PASSWORD_FILE");
    if (file == null) {
      return needed("DATABASE_PASSWORD");
    }
    try {
      return Files.readString(Path.of(file)).strip();
    } catch (NoSuchFileException missing) {
      throw new IOException(
          "cannot read DATABASE_PASSWORD_FILE " + file + ": is the system up? `make up` makes it",
          missing);
    } catch (IOException e) {
      throw new IOException("cannot read DATABASE_PASSWORD_FILE: " + e, e);
    }
  }

  private String needed(String name) {
    String value = environment.get(name);
    if (value == null) {
      throw new IllegalArgumentException(name + " is missing: set it as for persist-worker");
    }
    return value;
  }

  private PrintWriter out() {
    return spec.commandLine().getOut();
  }
}
