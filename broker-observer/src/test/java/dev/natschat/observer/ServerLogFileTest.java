package dev.natschat.observer;

import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
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
    Files.move(log, log.resolveSibling("nats-server.log.2026.11.25.13.44.20.1"));
    write("four");
    Files.move(log, log.resolveSibling("nats-server.log.2026.11.25.13.44.21.1"));
    write("five");
    assertThat(readAll()).containsExactly("three", "four", "five");
    assertThat(readAll()).isEmpty();
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
