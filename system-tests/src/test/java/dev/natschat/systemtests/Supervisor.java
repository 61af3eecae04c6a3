package dev.natschat.systemtests;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Stops, kills and starts the system's own processes, by its supervisor: processes mode only. */
final class Supervisor {
  private static final Path CHECKOUT = Path.of(System.getProperty("checkout", "."));

  private Supervisor() {}

  static boolean isThere() {
    return Files.exists(CHECKOUT.resolve(".run/supervisor.sock"));
  }

  static boolean has(String program) throws IOException, InterruptedException {
    return control("status").contains(":" + program + " ");
  }

  static void stop(String program) throws IOException, InterruptedException {
    control("stop", "telemetry:" + program);
  }

  static void start(String program) throws IOException, InterruptedException {
    control("start", "telemetry:" + program);
  }

  /** It is started again at once. */
  static void kill(String program) throws IOException, InterruptedException {
    control("signal", "KILL", "telemetry:" + program);
  }

  /** One of the services: stopped by SIGTERM, and started again. */
  static void restart(String service) throws IOException, InterruptedException {
    control("restart", "services:" + service);
  }

  private static String control(String... arguments) throws IOException, InterruptedException {
    String script =
        ". processes/common.sh; supervisor supervisorctl " + String.join(" ", arguments);
    Process process =
        new ProcessBuilder(List.of("bash", "-c", script))
            .directory(CHECKOUT.toFile())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    int code = process.waitFor();
    if (code != 0 && !arguments[0].equals("status")) { // status: 3 when anything is stopped
      throw new IOException(script + " ended with " + code + ": " + output);
    }
    return output;
  }
}
