package dev.natschat.observer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each line is read once, whatever happens to the file and to who reads it. */
class ServerLogFileTest {
  private final Path log;

  ServerLogFileTest(@TempDir Path directory) {
    log = directory.resolve("nats-server.log");
  }

  private void write(String... lines) throws IOException {
    Files.writeString(log, String.join("\n", lines) + "\n", CREATE, APPEND);
  }

  private Path rotated(int second) {
    return log.resolveSibling("nats-server.log.2026.11.25.13.44." + second + ".1");
  }

  private List<String> readAll() throws IOException {
    ServerLogFile file = new ServerLogFile(log); // a new one, as after a restart
    List<String> all = new ArrayList<>();
    for (var lines = file.read(); !lines.lines().isEmpty(); lines = file.read()) {
      all.addAll(lines.lines());
      lines.done();
    }
    return all;
  }

  @Test
  void aFileThatIsNotThereYetHasNoLines() throws IOException {
    assertThat(readAll()).isEmpty();
    write("one");
    assertThat(readAll()).containsExactly("one");
  }

  @Test
  void aRestartNeitherDoublesNorLosesLines() throws IOException {
    write("one", "two");
    assertThat(readAll()).containsExactly("one", "two");
    write("three");
    assertThat(readAll()).containsExactly("three");
    assertThat(readAll()).isEmpty();
  }

  @Test
  void whatWasNotDealtWithIsReadAgain() throws IOException {
    write("one");
    assertThat(new ServerLogFile(log).read().lines()).containsExactly("one");
    assertThat(readAll()).containsExactly("one");
  }

  @Test
  void aLineIsReadWhenItIsComplete() throws IOException {
    write("one");
    Files.writeString(log, "tw", APPEND);
    assertThat(readAll()).containsExactly("one");
    Files.writeString(log, "o\n", APPEND);
    assertThat(readAll()).containsExactly("two");
  }

  @Test
  void whatWasWrittenBeforeARotationIsReadFirst() throws IOException {
    write("one", "two");
    assertThat(readAll()).hasSize(2);
    write("three");
    Files.move(log, rotated(20));
    write("four");
    Files.move(log, rotated(21));
    write("five");
    assertThat(readAll()).containsExactly("three", "four", "five");
    assertThat(readAll()).isEmpty();
  }

  @Test
  void whatWasCompressedIsNoMoreRead() throws IOException {
    write("one");
    assertThat(readAll()).hasSize(1);
    Files.delete(log);
    try (OutputStream gzip =
        new GZIPOutputStream(Files.newOutputStream(log.resolveSibling("nats-server.log.1.gz")))) {
      for (int line = 0; line < 10_000; line++) {
        gzip.write((line + "\n").getBytes(UTF_8));
      }
    }
    write("two");
    assertThat(readAll()).containsExactly("two");
  }

  @Test
  void aFileThatIsGoneBeforeItWasReadHidesNoOther() throws IOException {
    write("one");
    assertThat(readAll()).hasSize(1);
    Files.delete(log);
    write("other", "two");
    assertThat(readAll()).containsExactly("other", "two");
  }

  @Test
  void aCopyBesideItStopsNothing() throws IOException {
    write("one");
    assertThat(readAll()).hasSize(1);
    Files.copy(log, log.resolveSibling("nats-server.log.bak"));
    write("two");
    assertThat(readAll()).containsExactly("two");
    write("three");
    Files.move(log, rotated(20));
    write("four");
    assertThat(readAll()).containsExactly("three", "four");
    assertThat(readAll()).isEmpty();
  }

  @Test
  void aCopyOfWhatIsBeingReadIsNotReadAgain() throws IOException {
    write("one", "two");
    assertThat(readAll()).hasSize(2);
    write("three");
    Files.move(log, rotated(20));
    write("four");
    Files.writeString(log.resolveSibling("nats-server.log.head"), "one\n");
    Files.copy(rotated(20), log.resolveSibling("nats-server.log.bak"));
    assertThat(readAll()).containsExactly("three", "four");
    assertThat(readAll()).isEmpty();
  }

  @Test
  void aCopyOfWhatWasReadLongAgoIsNotReadAgain() throws IOException {
    write("one");
    Files.move(log, rotated(20));
    write("two");
    Files.move(log, rotated(21));
    write("three");
    assertThat(readAll()).containsExactly("one", "two", "three");
    Files.copy(rotated(20), log.resolveSibling("nats-server.log.bak"));
    write("four");
    assertThat(readAll()).containsExactly("four");
    Files.move(log, rotated(22));
    write("five");
    assertThat(readAll()).containsExactly("five");
  }

  /** Whatever else is written beside it, by hand. */
  @Test
  void theLogItselfIsReadOnEvenIfAFileThatBeginsLikeItIsLonger() throws IOException {
    write("one");
    assertThat(readAll()).hasSize(1);
    Files.writeString(log.resolveSibling("nats-server.log.all"), "one\nzero\nzero\nzero\n");
    write("two");
    assertThat(readAll()).containsExactly("two");
  }

  @Test
  void aLongFileIsReadInParts() throws IOException {
    List<String> written = IntStream.range(0, 20_000).mapToObj(i -> "line number " + i).toList();
    write(written.toArray(String[]::new));
    assertThat(new ServerLogFile(log).read().lines()).hasSizeLessThan(20_000);
    assertThat(readAll()).isEqualTo(written);
  }

  @Test
  void aLineWithoutEndIsReadAllTheSame() throws IOException {
    write("one", "x".repeat(1_000_000), "three");
    assertThat(String.join("", readAll())).hasSize("one".length() + 1_000_000 + "three".length());
  }
}
