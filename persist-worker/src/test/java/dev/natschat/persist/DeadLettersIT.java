package dev.natschat.persist;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.ServerSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** What could not be stored is read and replayed by the command. */
class DeadLettersIT extends WorkerTest {
  private static final String CONTROL = "[\\p{Cc}\u202a-\u202e\u2066-\u2069&&[^\n\t]]";

  @Test
  void thousandsOfPoisonBetweenGoodOnesAreAllReadable() throws Exception {
    prepare();
    for (int i = 0; i < 10; i++) {
      publish(200);
      for (int j = 0; j < 300; j++) {
        nats.publish("chat.poison", ("no JSON " + i + "-" + j).getBytes(UTF_8));
      }
    }

    start();

    awaitRows(2_000);
    await().until(() -> database.count("dead_letters") == 3_000);
    assertThat(
            database.column(
                "SELECT DISTINCT split_part(reason, ':', 1) || ' ' || subject FROM dead_letters"))
        .containsExactly("not_a_json_object chat.poison");
    assertThat(database.column("SELECT count(DISTINCT body) FROM dead_letters"))
        .containsExactly("3000");
    assertThat(run("list", "--limit=1").output)
        .contains("3,000  not_a_json_object", "chat.poison", "no JSON 9-299")
        .doesNotContain("no JSON 9-298");
  }

  @Test
  void oneIsShownAsItCame() throws Exception {
    prepare();
    stream.publish("chat.lobby", "{\"user\":\"bob\"}".getBytes(UTF_8));
    start();
    await().ignoreExceptions().until(() -> database.count("dead_letters") == 1);

    Outcome shown = run("show", newestId());

    assertThat(shown.exitCode).isZero();
    assertThat(shown.output)
        .contains("chat.lobby", "invalid_text: expected a string", "{\"user\":\"bob\"}", "no");
  }

  /** A chat user chose these bytes; the operator's terminal must not obey them. */
  @Test
  void controlCharactersDoNotReachTheTerminal() throws Exception {
    prepare();
    String subject = "chat.\u001b]0;x\u0007\u202e";
    stream.publish(subject, "{\u001b]0;y\u0007\u009b2J\r\n\tz\u202e\u2066\u200d".getBytes(UTF_8));
    start();
    await().ignoreExceptions().until(() -> database.count("dead_letters") == 1);

    Outcome listed = run("list");
    assertThat(listed.output)
        .contains("chat.\uFFFD]0;x\uFFFD\uFFFD  ")
        .doesNotContainPattern(CONTROL);
    Outcome shown = run("show", newestId());
    assertThat(shown.output)
        .contains(
            "subject   chat.\uFFFD]0;x\uFFFD\uFFFD",
            "{\uFFFD]0;y\uFFFD\uFFFD2J\uFFFD\n\tz\uFFFD\uFFFD\u200d")
        .doesNotContainPattern(CONTROL);
    assertThat(run("replay", "--all").output).doesNotContainPattern(CONTROL);
    assertThat(database.column("SELECT subject FROM dead_letters")).containsExactly(subject);
  }

  @Test
  void whatTheTableRefusedIsReplayedAfterTheTableIsMended() throws Exception {
    prepare();
    database.execute("ALTER TABLE messages ADD CONSTRAINT odd CHECK (text !~ '[13579]$')");
    publish(1_000);
    start();
    awaitRows(500);
    await().until(() -> database.count("dead_letters") == 500);

    Outcome tooEarly = run("replay", newestId());
    assertThat(tooEarly.exitCode).isEqualTo(1);
    assertThat(tooEarly.output).contains("is still dead: ", "\"odd\"", "0 replayed, 1 still dead");

    database.execute("ALTER TABLE messages DROP CONSTRAINT odd");
    assertThat(run("replay", newestId()).output).contains("1 replayed, 0 still dead");
    Outcome rest = run("replay", "--reason=refused_by_database");

    assertThat(rest.exitCode).isZero();
    assertThat(rest.output).contains("499 replayed, 0 still dead");
    assertThat(database.count("messages")).isEqualTo(1_000);
    assertThat(
            database.column(
                "SELECT text FROM messages WHERE room = 'lobby' ORDER BY timestamp, stream_seq LIMIT 3"))
        .as("in the place that it had in its room")
        .containsExactly("message 0", "message 1", "message 2");
    assertThat(run("list").output.strip()).isEqualTo("no dead letters");
    assertThat(run("list", "--reason=odd").output.strip())
        .isEqualTo("no dead letters of reason odd");
  }

  @Test
  void replayedTwiceItIsThereOnce() throws Exception {
    prepare();
    database.execute("ALTER TABLE messages ADD CONSTRAINT none CHECK (false) NOT VALID");
    publish(1);
    start();
    await().ignoreExceptions().until(() -> database.count("dead_letters") == 1);
    database.execute("ALTER TABLE messages DROP CONSTRAINT none");

    assertThat(run("replay", newestId()).exitCode).isZero();
    assertThat(run("replay", newestId()).exitCode).isZero();
    database.execute(
        "UPDATE dead_letters SET replayed_at = NULL"); // as if killed before it said so
    assertThat(run("replay", "--all").exitCode).isZero();

    assertThat(database.count("messages")).isEqualTo(1);
  }

  @Test
  void poisonStaysPoison() throws Exception {
    prepare();
    stream.publish("chat.lobby", "poison".getBytes(UTF_8));
    stream.publish(
        "chat.lob\0by", json("bob", "to a room that is kept by another name").getBytes(UTF_8));
    start();
    await().ignoreExceptions().until(() -> database.count("dead_letters") == 2);

    Outcome replay = run("replay", "--all");

    assertThat(replay.exitCode).isEqualTo(1);
    assertThat(replay.output)
        .contains("is still dead: not_a_json_object", "is still dead: nul_character");
    assertThat(database.count("messages")).isZero();
  }

  @Test
  void whatIsNotUnderstoodChangesNothing() throws Exception {
    prepare();
    assertThat(run("replay").exitCode).isEqualTo(2);
    assertThat(run("replay", "1", "--all").exitCode).isEqualTo(2);
    Outcome noNumber = run("replay", "abc");
    assertThat(noNumber.exitCode).isEqualTo(2);
    assertThat(noNumber.output).startsWith("abc is no dead letter's ID: expected a number");
    assertThat(run("show", "4711").output).contains("there is no dead letter 4711");
  }

  /** It takes connections, and says nothing. */
  @Test
  void aDatabaseThatHangsIsNotWaitedForWithoutEnd() throws Exception {
    try (ServerSocket silent = new ServerSocket(0)) {
      settings.put(
          "DATABASE_URL", "jdbc:postgresql://127.0.0.1:%d/chat".formatted(silent.getLocalPort()));
      Outcome list = CompletableFuture.supplyAsync(() -> run("list")).get(2, TimeUnit.MINUTES);

      assertThat(list.exitCode).isEqualTo(1);
      assertThat(list.output).contains("timed out");
    }
  }

  @Test
  void anAddressThatIsNoneIsSaid() {
    settings.put("DATABASE_URL", "jdbc:postgresql://127.0.0.1:5432/chat%zz");

    assertThat(run("list").output)
        .startsWith("dead-letters: DATABASE_URL is malformed: expected %25");
  }

  private record Outcome(int exitCode, String output) {}

  private Outcome run(String... arguments) {
    StringWriter output = new StringWriter();
    CommandLine command =
        DeadLetters.commandLine(settings)
            .setOut(new PrintWriter(output, true))
            .setErr(new PrintWriter(output, true));
    return new Outcome(command.execute(arguments), output.toString());
  }

  private String newestId() throws Exception {
    return database.column("SELECT max(id) FROM dead_letters").get(0);
  }
}
