package dev.natschat.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Clients that run history-service's SELECT and nothing else. */
interface Select {
  /** By pgbench where there is one (Debian: postgresql-contrib), else over JDBC. */
  static Select with(Postgres postgres, int clients) throws IOException {
    Path pgbench = pgbench();
    return pgbench == null ? new Jdbc(postgres, clients) : new Pgbench(pgbench, postgres, clients);
  }

  /** What runs it. */
  String client();

  /** How often it was run in that time. */
  double run(Duration time) throws Exception;

  private static @Nullable Path pgbench() throws IOException {
    List<Path> directories = new ArrayList<>();
    for (String directory : System.getenv("PATH").split(File.pathSeparator, -1)) {
      directories.add(Path.of(directory));
    }
    Path debian = Path.of("/usr/lib/postgresql");
    if (Files.isDirectory(debian)) {
      try (Stream<Path> versions = Files.list(debian)) {
        versions.map(version -> version.resolve("bin")).forEach(directories::add);
      }
    }
    // Debian's /usr/bin/pgbench is a wrapper that is started with each run: the binary first.
    return directories.stream()
        .sorted((one, other) -> Boolean.compare(other.startsWith(debian), one.startsWith(debian)))
        .map(directory -> directory.resolve("pgbench"))
        .filter(Files::isExecutable)
        .findFirst()
        .orElse(null);
  }

  /** PostgreSQL's own benchmark. */
  record Pgbench(Path program, Postgres postgres, int clients) implements Select {
    private static final String SCRIPT =
        """
        \\set room random(0, %d)
        SELECT username, text, timestamp FROM messages WHERE room = 'room-' || :room::text \
        ORDER BY timestamp DESC, stream_seq DESC LIMIT 50;
        """;
    private static final Pattern DONE =
        Pattern.compile("tps = (\\d+\\.\\d+) \\(without initial connection time\\)");

    @Override
    public String client() {
      return "pgbench";
    }

    @Override
    public double run(Duration time) throws IOException, InterruptedException {
      Path script = Files.createTempFile("select", ".sql");
      try {
        Files.writeString(script, SCRIPT.formatted(Backlog.ROOMS - 1));
        ProcessBuilder builder =
            new ProcessBuilder(
                    program.toString(),
                    "--no-vacuum",
                    "--protocol=prepared",
                    "--file=" + script,
                    "--client=" + clients,
                    "--time=" + time.toSeconds(),
                    "--host=127.0.0.1",
                    "--port=" + postgres.port(),
                    "--username=" + Postgres.USER,
                    "chat")
                .redirectErrorStream(true);
        builder.environment().put("PGPASSWORD", Postgres.PASSWORD);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        Matcher done = DONE.matcher(output);
        if (process.waitFor() != 0 || !done.find()) {
          throw new IOException("pgbench: " + output);
        }
        return Double.parseDouble(done.group(1)) * time.toSeconds();
      } finally {
        Files.delete(script);
      }
    }
  }

  /** One thread for each client. */
  record Jdbc(Postgres postgres, int clients) implements Select {
    @Override
    public String client() {
      return "a loop over JDBC, since there is no pgbench";
    }

    @Override
    public double run(Duration time) throws Exception {
      ExecutorService threads = Executors.newFixedThreadPool(clients);
      try {
        List<Callable<Integer>> loops = new ArrayList<>();
        for (int i = 0; i < clients; i++) {
          loops.add(() -> loop(time));
        }
        int sum = 0;
        for (Future<Integer> done : threads.invokeAll(loops)) {
          sum += done.get();
        }
        return sum;
      } finally {
        threads.shutdownNow();
      }
    }

    private int loop(Duration time) throws SQLException {
      try (Connection connection = postgres.connect();
          PreparedStatement select =
              connection.prepareStatement(
                  "SELECT username, text, timestamp FROM messages WHERE room = ?"
                      + " ORDER BY timestamp DESC, stream_seq DESC LIMIT 50")) {
        int done = 0;
        for (long end = System.nanoTime() + time.toNanos(); System.nanoTime() < end; done++) {
          select.setString(1, Backlog.room(done));
          try (ResultSet rows = select.executeQuery()) {
            while (rows.next()) {
              rows.getString(2);
            }
          }
        }
        return done;
      }
    }
  }
}
