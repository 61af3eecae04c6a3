package dev.natschat.client;

import dev.natschat.client.ChatException.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A look into the table of messages. */
final class StoredRows {
  private static final String NEWEST =
      "SELECT stream_seq, room, username, text FROM messages ORDER BY stored_at DESC LIMIT 5";

  private StoredRows() {}

  /**
   * How many rows there are, and the newest as lines of a table.
   *
   * @throws ChatException when the database does not give them
   */
  static List<String> newest(Map<String, String> environment) {
    String url = environment.getOrDefault("DATABASE_URL", "");
    try (Connection connection =
            DriverManager.getConnection(
                url, environment.getOrDefault("DATABASE_USER", ""), password(environment));
        Statement statement = connection.createStatement()) {
      List<String> lines = new ArrayList<>();
      try (ResultSet count = statement.executeQuery("SELECT count(*) FROM messages")) {
        count.next();
        lines.add("%d rows, the newest of them:".formatted(count.getLong(1)));
      }
      lines.add("%10s  %-10s %-10s %s".formatted("stream_seq", "room", "username", "text"));
      try (ResultSet rows = statement.executeQuery(NEWEST)) {
        while (rows.next()) {
          lines.add(
              "%10d  %-10s %-10s %s"
                  .formatted(
                      rows.getLong(1),
                      Lines.harmless(rows.getString(2)),
                      Lines.harmless(rows.getString(3)),
                      Lines.harmless(rows.getString(4))));
        }
      }
      return lines;
    } catch (SQLException | IOException | IllegalArgumentException e) { // the last: of the URL
      throw new ChatException(
          Kind.UNAVAILABLE, "can't be read at " + url + ": " + e.getMessage(), e);
    }
  }

  private static String password(Map<String, String> environment) throws IOException {
    String file = environment.get("DATABASE_PASSWORD_FILE");
    return file == null
        ? environment.getOrDefault("DATABASE_PASSWORD", "")
        : Files.readString(Path.of(file)).strip();
  }
}
