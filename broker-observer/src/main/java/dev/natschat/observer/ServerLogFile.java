package dev.natschat.observer;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Comparator.comparingLong;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
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
  private static final Pattern COMPRESSED = Pattern.compile(".*\\.(gz|bz2|xz|zst)");

  private final Path file;
  private final Path positionFile;

  /**
   * Up to which byte, in the file that begins so.
   *
   * @param firstLine empty before anything was read
   */
  private record Position(String firstLine, long offset) {}

  /**
   * @param written when last; the log itself counts as the last of all, and as the longest
   */
  private record Generation(String firstLine, Path path, long written, long size) {}

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
    List<Generation> generations = generations();
    int known =
        generations.stream().map(Generation::firstLine).toList().indexOf(position.firstLine());
    for (Generation generation : generations.subList(Math.max(known, 0), generations.size())) {
      boolean begun = generation.firstLine().equals(position.firstLine());
      Lines lines = read(generation, begun ? position.offset() : 0);
      if (!lines.lines().isEmpty()) {
        return lines;
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

  /**
   * The oldest first. Of several that begin alike all but one are copies of what was there when
   * they were made; the longest has everything. Those that have no first line yet are left out, and
   * what was compressed.
   */
  private List<Generation> generations() throws IOException {
    String name = String.valueOf(file.getFileName());
    Map<String, Generation> generations = new HashMap<>();
    Path directory = file.toAbsolutePath().getParent();
    try (Stream<Path> files = directory == null ? Stream.empty() : Files.list(directory)) {
      for (Path sibling : files.toList()) {
        String siblingName = String.valueOf(sibling.getFileName());
        if (siblingName.startsWith(name) && !COMPRESSED.matcher(siblingName).matches()) {
          Generation generation = generation(sibling);
          if (generation != null) {
            generations.merge(generation.firstLine(), generation, ServerLogFile::longer);
          }
        }
      }
    }
    return generations.values().stream()
        .sorted(comparingLong(Generation::written).thenComparing(Generation::path))
        .toList();
  }

  private @Nullable Generation generation(Path path) throws IOException {
    try {
      BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
      String firstLine = firstLine(path);
      if (firstLine == null) {
        return null;
      }
      return path.getFileName().equals(file.getFileName())
          ? new Generation(firstLine, path, Long.MAX_VALUE, Long.MAX_VALUE)
          : new Generation(
              firstLine,
              path,
              attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS),
              attributes.size());
    } catch (NoSuchFileException goneMeanwhile) {
      return null;
    }
  }

  /** Of two as long the one written first: in a copy's place it would be read once more. */
  private static Generation longer(Generation one, Generation other) {
    if (one.size() == other.size()) {
      return one.written() <= other.written() ? one : other;
    }
    return one.size() > other.size() ? one : other;
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
    }
  }

  private Lines read(Generation generation, long from) throws IOException {
    byte[] bytes;
    long offset = from;
    try (SeekableByteChannel channel = Files.newByteChannel(generation.path())) {
      if (channel.size() < offset) {
        offset = 0; // another file that begins in the same way
      }
      channel.position(offset);
      bytes = read(channel, MAX_READ);
    } catch (NoSuchFileException goneMeanwhile) {
      return new Lines(List.of(), new Position(generation.firstLine(), offset));
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
    return new Lines(lines, new Position(generation.firstLine(), offset + begin));
  }

  private static byte[] read(SeekableByteChannel channel, int most) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(most);
    while (buffer.hasRemaining() && channel.read(buffer) >= 0) {}
    byte[] bytes = new byte[buffer.position()];
    buffer.flip().get(bytes);
    return bytes;
  }
}
