package dev.natschat.observer;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Comparator.comparing;
import static java.util.Comparator.naturalOrder;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A log file that grows and is now and then renamed to a name that begins with its own, as
 * nats-server and supervisord do it. What was read is known by its first line, which has a time and
 * a process's id in it, so it is found under its new name. How far it was read is in a file beside
 * it. For one thread.
 */
final class ServerLogFile {
  private static final int MAX_FIRST_LINE = 256;
  private static final int MAX_READ = 256 * 1024;

  private final Path file;
  private final Path positionFile;

  /**
   * Up to which byte, in the file that begins so.
   *
   * @param firstLine empty before anything was read
   */
  private record Position(String firstLine, long offset) {}

  /** Lines, and how far the file is read when they have been dealt with. */
  final class Lines {
    private final List<String> lines;
    private final Position after;

    private Lines(List<String> lines, Position after) {
      this.lines = lines;
      this.after = after;
    }

    List<String> lines() {
      return lines;
    }

    /** They will not be read again. */
    void done() throws IOException {
      if (!lines.isEmpty()) {
        Path written = positionFile.resolveSibling(positionFile.getFileName() + ".new");
        Files.writeString(written, after.offset() + "\n" + after.firstLine(), ISO_8859_1);
        Files.move(written, positionFile, StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  ServerLogFile(Path file) {
    this.file = file;
    this.positionFile = file.resolveSibling("." + file.getFileName() + ".position");
  }

  /** The next complete lines, some hundred KB of them at most; none where there are no more. */
  Lines read() throws IOException {
    Position position = position();
    Map<String, Path> generations = generations();
    List<String> firstLines = List.copyOf(generations.keySet());
    int known = firstLines.indexOf(position.firstLine());
    for (int i = Math.max(known, 0); i < firstLines.size(); i++) {
      String firstLine = firstLines.get(i);
      Path generation = generations.get(firstLine);
      if (generation != null) {
        Lines lines = read(generation, firstLine, i == known ? position.offset() : 0);
        if (!lines.lines().isEmpty()) {
          return lines;
        }
      }
    }
    return new Lines(List.of(), position);
  }

  private Position position() throws IOException {
    if (!Files.exists(positionFile)) {
      return new Position("", 0);
    }
    String[] written = Files.readString(positionFile, ISO_8859_1).split("\n", 2);
    try {
      return new Position(written[1], Long.parseLong(written[0]));
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      throw new IOException(positionFile + " is not what it should be: delete it", e);
    }
  }

  /** By their first lines, the oldest first. Those that have none yet are left out. */
  private Map<String, Path> generations() throws IOException {
    String name = String.valueOf(file.getFileName());
    Map<Path, Long> written = new HashMap<>();
    Path directory = file.toAbsolutePath().getParent();
    try (Stream<Path> files = directory == null ? Stream.empty() : Files.list(directory)) {
      for (Path sibling : files.toList()) {
        String itsName = String.valueOf(sibling.getFileName());
        if (itsName.startsWith(name)) {
          written.put(sibling, itsName.equals(name) ? Long.MAX_VALUE : modified(sibling));
        }
      }
    }
    List<Path> byAge = new ArrayList<>(written.keySet());
    byAge.sort(
        comparing((Path path) -> written.getOrDefault(path, 0L)).thenComparing(naturalOrder()));
    Map<String, Path> generations = new LinkedHashMap<>();
    for (Path generation : byAge) {
      String firstLine = firstLine(generation);
      if (firstLine != null) {
        generations.putIfAbsent(firstLine, generation);
      }
    }
    return generations;
  }

  private static long modified(Path path) throws IOException {
    try {
      return Files.getLastModifiedTime(path).to(TimeUnit.NANOSECONDS);
    } catch (NoSuchFileException goneMeanwhile) {
      return 0;
    }
  }

  private static @Nullable String firstLine(Path path) throws IOException {
    try (SeekableByteChannel channel = Files.newByteChannel(path)) {
      byte[] bytes = read(channel, MAX_FIRST_LINE);
      for (int i = 0; i < bytes.length; i++) {
        if (bytes[i] == '\n') {
          return new String(bytes, 0, i, ISO_8859_1);
        }
      }
      return bytes.length == MAX_FIRST_LINE ? new String(bytes, ISO_8859_1) : null;
    } catch (NoSuchFileException goneMeanwhile) {
      return null;
    }
  }

  private Lines read(Path path, String firstLine, long from) throws IOException {
    byte[] bytes;
    long offset = from;
    try (SeekableByteChannel channel = Files.newByteChannel(path)) {
      if (channel.size() < offset) {
        offset = 0; // another file that begins in the same way
      }
      channel.position(offset);
      bytes = read(channel, MAX_READ);
    } catch (NoSuchFileException goneMeanwhile) {
      return new Lines(List.of(), new Position(firstLine, offset));
    }
    List<String> lines = new ArrayList<>();
    int begin = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == '\n') {
        lines.add(new String(bytes, begin, i - begin, UTF_8));
        begin = i + 1;
      }
    }
    if (begin == 0 && bytes.length == MAX_READ) { // one line that does not end
      lines.add(new String(bytes, UTF_8));
      begin = bytes.length;
    }
    return new Lines(lines, new Position(firstLine, offset + begin));
  }

  private static byte[] read(SeekableByteChannel channel, int most) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(most);
    while (buffer.hasRemaining() && channel.read(buffer) >= 0) {}
    byte[] bytes = new byte[buffer.position()];
    buffer.flip().get(bytes);
    return bytes;
  }
}
