package dev.natschat.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.nats.client.Connection;
import io.nats.client.Message;
import java.io.IOException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** What the table holds, against what the publishers know. */
final class Audit {
  private static final int LAST_MESSAGES = 50;
  private static final int FETCH = 10_000;
  private static final Duration ANSWER = Duration.ofSeconds(10);

  /** The order of the history's answers. */
  private static final String ROWS =
      "SELECT room, username, split_part(text, ' ', 1) FROM messages"
          + " ORDER BY room, timestamp, stream_seq";

  private final Map<String, int[]> rowsOf = new HashMap<>();
  private final Map<String, List<Said>> rooms = new HashMap<>();
  private long rows;
  private long disorder;

  record Said(String user, int number) {}

  /**
   * @param missing acknowledged, without a row
   * @param twice messages with more than one row
   * @param unknown rows of messages whose publish got no answer
   * @param refused rows of messages whose publish was refused
   * @param disorder rows that their publisher had sent before the row that precedes them
   * @param history rooms whose last 50 the history service answered otherwise than the table has
   *     them
   */
  record Result(
      long rows,
      long missing,
      long twice,
      long unknown,
      long refused,
      long disorder,
      long deadLetters,
      long history) {

    boolean isGood() {
      return missing == 0 && twice == 0 && disorder == 0 && deadLetters == 0 && history == 0;
    }
  }

  private Audit() {}

  static Result of(Rig rig, List<Publisher> publishers, Connection nats)
      throws SQLException, IOException, InterruptedException {
    Audit audit = new Audit();
    long deadLetters;
    try (java.sql.Connection database = rig.connectDatabase()) {
      audit.read(database, publishers);
      deadLetters = deadLetters(database);
    }
    rig.startHistory();
    return audit.judge(publishers, deadLetters, audit.disagreements(nats));
  }

  private void read(java.sql.Connection database, List<Publisher> publishers) throws SQLException {
    for (Publisher publisher : publishers) {
      rowsOf.put(publisher.user(), new int[publisher.count().sent()]);
    }
    database.setAutoCommit(false); // else the driver fetches all at once
    try (Statement statement = database.createStatement()) {
      statement.setFetchSize(FETCH);
      Map<String, Integer> last = new HashMap<>();
      try (ResultSet row = statement.executeQuery(ROWS)) {
        while (row.next()) {
          String room = row.getString(1);
          Said said = new Said(row.getString(2), Integer.parseInt(row.getString(3)));
          rows++;
          rowsOf(said.user)[said.number]++;
          Integer before = last.put(room + " " + said.user, said.number);
          disorder += before != null && before > said.number ? 1 : 0;
          rooms.computeIfAbsent(room, any -> new ArrayList<>()).add(said);
        }
      }
    }
  }

  private int[] rowsOf(String user) {
    return Objects.requireNonNull(rowsOf.get(user), user);
  }

  private static long deadLetters(java.sql.Connection database) throws SQLException {
    try (Statement statement = database.createStatement();
        ResultSet row = statement.executeQuery("SELECT count(*) FROM dead_letters")) {
      row.next();
      return row.getLong(1);
    }
  }

  /** Asks the real service, as a user's client does. */
  private long disagreements(Connection nats) throws IOException, InterruptedException {
    ObjectMapper json = new ObjectMapper();
    long different = 0;
    for (Map.Entry<String, List<Said>> room : rooms.entrySet()) {
      Message answer = nats.request("chat.history." + room.getKey(), new byte[0], ANSWER);
      List<Said> heard = new ArrayList<>();
      if (answer != null) {
        for (JsonNode message : json.readTree(answer.getData())) {
          String number = message.get("text").asText().replaceFirst(" .*", "");
          heard.add(new Said(message.get("user").asText(), Integer.parseInt(number)));
        }
      }
      different += isHistory(heard, room.getValue()) ? 0 : 1;
    }
    return different;
  }

  /** Whether these are the last 50: even of the longest that are sent here they fit an answer. */
  static boolean isHistory(List<Said> heard, List<Said> all) {
    return heard.equals(all.subList(Math.max(0, all.size() - LAST_MESSAGES), all.size()));
  }

  private Result judge(List<Publisher> publishers, long deadLetters, long history) {
    long missing = 0;
    long twice = 0;
    long unknown = 0;
    long refused = 0;
    for (Publisher publisher : publishers) {
      int[] found = rowsOf(publisher.user());
      for (int number = 0; number < found.length; number++) {
        twice += found[number] > 1 ? 1 : 0;
        switch (publisher.outcome(number)) {
          case ACKNOWLEDGED -> missing += found[number] == 0 ? 1 : 0;
          case REFUSED -> refused += found[number];
          case UNKNOWN -> unknown += found[number];
        }
      }
    }
    return new Result(rows, missing, twice, unknown, refused, disorder, deadLetters, history);
  }
}
