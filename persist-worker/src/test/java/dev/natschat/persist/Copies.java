package dev.natschat.persist;

import java.io.IOException;
import java.nio.file.Path;

/** Copies of directories, with owners and modes. */
final class Copies {
  private Copies() {}

  static Path make(Path directory, Path copy) throws IOException, InterruptedException {
    run("rm", "-rf", copy.toString());
    run("cp", "-a", directory.toString(), copy.toString());
    return copy;
  }

  static void putBack(Path directory, Path copy) throws IOException, InterruptedException {
    make(/* directory= */ copy, /* copy= */ directory);
  }

  private static void run(String... command) throws IOException, InterruptedException {
    if (new ProcessBuilder(command).inheritIO().start().waitFor() != 0) {
      throw new IOException(String.join(" ", command) + " failed");
    }
  }
}
