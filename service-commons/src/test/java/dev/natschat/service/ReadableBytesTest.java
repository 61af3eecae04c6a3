package dev.natschat.service;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.nats.client.support.IncomingHeadersProcessor;
import java.io.ByteArrayOutputStream;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReadableBytesTest {
  private static final String BEFORE =
      "INFO {\"a\":1}\r\n+OK\r\nMSG chat.a 1 $JS.ACK.x 7\r\nMSG 1\r\n\r\nPING\r\n";
  private static final String GOOD =
      "HMSG chat.caf\u00e9 1 reply 18 20\r\nNATS/1.0\r\na: b\r\n\r\nhi\r\n";
  private static final String STATUS = "HMSG _INBOX.a 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n";

  private static final String CHARACTERS = "aZ0-:  \r\n\t~\u007f\u0000_/1";

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 64, 4096})
  void whatCanBeReadIsPassedOn(int piece) {
    String all = BEFORE + GOOD + STATUS + "MSG a 1 0\r\n\r\n-ERR 'no'\r\n" + GOOD;
    assertThat(read(all, piece)).isEqualTo(all);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 64, 4096})
  void headersThatAreNoneAreLeftOut(int piece) {
    String bad =
        String.join(
            "",
            "HMSG chat.a 1 reply 12 14\r\nno headers\r\nhi\r\n",
            "HMSG chat.a 1 10 10\r\nNATS/1.0\r\n\r\n",
            "HMSG chat.a 1 8 10\r\nNATS/1.0hi\r\n",
            "HMSG chat.a 1 1 1\r\nN\r\n");
    String without =
        String.join(
            "",
            "MSG chat.a 1 reply 2\r\nhi\r\n",
            "MSG chat.a 1 0\r\n\r\n",
            "MSG chat.a 1 2\r\nhi\r\n",
            "MSG chat.a 1 0\r\n\r\n");
    assertThat(read(GOOD + bad + GOOD, piece)).isEqualTo(GOOD + without + GOOD);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 64, 4096})
  void carriageReturnsInSubjectsAreQuestionMarks(int piece) {
    String odd = "MSG chat.a\rb 1 re\r\rply 2\r\n\r\n\r\n";
    assertThat(read(odd + GOOD, piece)).isEqualTo("MSG chat.a?b 1 re??ply 2\r\n\r\n\r\n" + GOOD);
  }

  @ParameterizedTest
  @ValueSource(ints = {7, 64, 4096, 1_000_000})
  void subjectsThatNoClientMaySendAreCut(int piece) {
    String longest = "chat." + "r".repeat(16 * 1024 - 5);
    String headers = "1 reply 18 20\r\nNATS/1.0\r\na: b\r\n\r\nhi\r\n";
    String reply = "MSG chat.a 1 " + longest + "r 2\r\nhi\r\n";
    String sent =
        String.join(
            "",
            "MSG " + longest + " 1 reply 2\r\nhi\r\n",
            "MSG " + longest + "r 1 reply 2\r\nhi\r\n",
            "MSG " + longest + "r".repeat(500_000) + " 1 2\r\nhi\r\n",
            "HMSG " + longest + "r".repeat(500_000) + " " + headers,
            reply + GOOD);
    String cut =
        String.join(
            "",
            "MSG " + longest + " 1 reply 2\r\nhi\r\n",
            "MSG " + longest + " 1 reply 2\r\nhi\r\n",
            "MSG " + longest + " 1 2\r\nhi\r\n",
            "HMSG " + longest + " " + headers,
            reply + GOOD);
    assertThat(read(sent, piece)).isEqualTo(cut);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 64, 4096, 1_000_000})
  void whoReadsNoBodiesIsGivenNone(int piece) {
    String large = "NATS/1.0\r\na: " + "b".repeat(16 * 1024) + "\r\n\r\n";
    String sent =
        String.join(
            "",
            BEFORE,
            "MSG chat.a 1 reply 500000\r\n" + "MSG a 1 2\r\n".repeat(45454) + "MSG a \r\n",
            GOOD,
            "HMSG chat.a 1 %d %d\r\n%shi\r\n".formatted(large.length(), large.length() + 2, large),
            "HMSG chat.a 1 reply 12 14\r\nno headers\r\nhi\r\n",
            STATUS);
    String without =
        String.join(
            "",
            "INFO {\"a\":1}\r\n+OK\r\nMSG chat.a 1 $JS.ACK.x 0\r\n\r\nPING\r\n",
            "MSG chat.a 1 reply 0\r\n\r\n",
            "HMSG chat.caf\u00e9 1 reply 18 18\r\nNATS/1.0\r\na: b\r\n\r\n\r\n",
            "MSG chat.a 1 0\r\n\r\n",
            "MSG chat.a 1 reply 0\r\n\r\n",
            STATUS);
    assertThat(read(new ReadableBytes(false), sent, piece)).isEqualTo(without);
  }

  /** What is passed on unseen by who reads headers. */
  @Test
  void headersThatAreUsualAreReadable() {
    Random random = new Random(1);
    String good = "NATS/1.0\r\nNats-Msg-Id: a1\r\ntraceparent: 00-b~!\r\n\r\n";
    int same = 0;
    for (int i = 0; i < 50_000; i++) {
      String headers = mutated(good, random);
      String sent = "HMSG a 1 %d %1$d\r\n%s\r\n".formatted(headers.length(), headers);
      if (read(sent, 4096).equals(sent)) {
        assertThat(new IncomingHeadersProcessor(headers.getBytes(UTF_8)).getSerializedLength())
            .as(headers)
            .isEqualTo(headers.length());
        same++;
      }
    }
    assertThat(same).isBetween(1_000, 49_000);
  }

  /** One to three characters are another one, missing or too many. */
  private static String mutated(String good, Random random) {
    StringBuilder text = new StringBuilder(good);
    for (int i = random.nextInt(3); i >= 0; i--) {
      int at = random.nextInt(text.length());
      char c = CHARACTERS.charAt(random.nextInt(CHARACTERS.length()));
      switch (random.nextInt(4)) {
        case 0 -> text.deleteCharAt(at);
        case 1 -> text.insert(at, c);
        default -> text.setCharAt(at, c);
      }
    }
    return text.toString();
  }

  private static String read(String sent, int piece) {
    return read(new ReadableBytes(true), sent, piece);
  }

  private static String read(ReadableBytes readable, String sent, int piece) {
    ByteArrayOutputStream read = new ByteArrayOutputStream();
    byte[] bytes = sent.getBytes(UTF_8);
    byte[] into = new byte[piece];
    for (int at = 0; at < bytes.length; at += piece) {
      readable.take(bytes, at, Math.min(piece, bytes.length - at));
      for (int given = readable.give(into, 0, piece);
          given > 0;
          given = readable.give(into, 0, piece)) {
        read.write(into, 0, given);
      }
    }
    return read.toString(UTF_8);
  }
}
