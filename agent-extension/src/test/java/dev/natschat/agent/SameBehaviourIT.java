package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nats.client.Connection;
import io.nats.client.Nats;
import java.io.File;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * An application sees the same with the extension as without an agent, even when all of it fails.
 */
@SuppressWarnings("try")
class SameBehaviourIT {
  private static final String FAULT = "The jnats instrumentation failed";
  private static final Pattern bytes = Pattern.compile(", \\d+ bytes]");
  private static String withoutAgent;

  interface JavaProgram {
    Fork run(Class<?> program, String... arguments) throws Exception;
  }

  @BeforeAll
  static void seeItWithoutAgent() throws Exception {
    withoutAgent = tour((tour, servers) -> Fork.plain(List.of(), tour, servers)).output();
    assertThat(withoutAgent).endsWith("the end\n");
  }

  @BeforeEach
  void reset() {
    Telemetry.reset();
  }

  @Test
  void everyByteIsTheSameWithoutPropagators() throws Exception {
    Fork traced =
        tour((tour, servers) -> Fork.traced(List.of("-Dotel.propagators=none"), tour, servers));
    assertThat(traced.output()).isEqualTo(withoutAgent);
    assertThat(traced.log()).doesNotContain(FAULT);
    assertThat(Telemetry.spans()).hasSizeGreaterThan(1000);
  }

  @Test
  void onlyBytesDifferWithPropagators() throws Exception {
    Fork traced = tour((tour, servers) -> Fork.traced(List.of(), tour, servers));
    assertThat(withoutBytes(traced)).isEqualTo(bytes.matcher(withoutAgent).replaceAll("]"));
    assertThat(traced.output()).isNotEqualTo(withoutAgent);
    assertThat(traced.log()).doesNotContain(FAULT);
  }

  @Test
  void everyHookMayFail(@TempDir Path directory) throws Exception {
    Path faulty = FaultyJar.where("Hooks"::equals, FaultyJar.Fault.ALWAYS, directory);
    Fork traced = tour((tour, servers) -> Fork.traced(faulty, List.of(), tour, servers));
    assertThat(traced.output()).isEqualTo(withoutAgent);
  }

  @Test
  void allBehindTheHooksMayFail(@TempDir Path directory) throws Exception {
    Path faulty = FaultyJar.where(FaultyJar::isBehindHooks, FaultyJar.Fault.ALWAYS, directory);
    Fork traced = tour((tour, servers) -> Fork.traced(faulty, List.of(), tour, servers));
    assertThat(traced.output()).isEqualTo(withoutAgent);
    assertThat(traced.log()).containsOnlyOnce(FAULT);
  }

  @Test
  void anythingMayFailAtAnyTime(@TempDir Path directory) throws Exception {
    Path faulty = FaultyJar.where(FaultyJar::isBehindHooks, FaultyJar.Fault.SOMETIMES, directory);
    Fork traced = tour((tour, servers) -> Fork.traced(faulty, List.of(), tour, servers));
    assertThat(withoutBytes(traced)).isEqualTo(bytes.matcher(withoutAgent).replaceAll("]"));
    assertThat(traced.log()).containsOnlyOnce(FAULT);
  }

  /** Whoever is told of exceptions that nobody caught, as Awaitility is, sees none of ours. */
  static final class Guarded {
    public static void main(String[] arguments) throws Exception {
      Queue<Throwable> uncaught = new ConcurrentLinkedQueue<>();
      Thread.setDefaultUncaughtExceptionHandler((thread, exception) -> uncaught.add(exception));
      try (Connection nats = Nats.connect(arguments[0])) {
        Thread housekeeping =
            Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("otel-jnats"))
                .findAny()
                .orElseThrow();
        await().until(() -> hasGoneRound(housekeeping));
      }
      System.out.println("uncaught: " + uncaught);
    }

    /** It waits at the start of each round; or has ended. */
    private static boolean hasGoneRound(Thread housekeeping) {
      ThreadInfo info = ManagementFactory.getThreadMXBean().getThreadInfo(housekeeping.getId());
      return info == null || info.getWaitedCount() > 1;
    }
  }

  @Test
  void noFaultIsLeftUncaught(@TempDir Path directory) throws Exception {
    Path extension = FaultyJar.where("Unsettled"::equals, FaultyJar.Fault.ALWAYS, directory);
    try (NatsServer server = NatsServer.start()) {
      Fork traced = Fork.traced(extension, List.of(), Guarded.class, server.url());
      assertThat(traced.output()).isEqualTo("uncaught: []\n");
      assertThat(traced.log()).containsOnlyOnce(FAULT);
    }
  }

  @Test
  void samplersProcessorsAndPropagatorsOfOthersMayFail(@TempDir Path directory) throws Exception {
    Path other = extensionOf("dev.natschat.agent.FaultyTelemetry", directory);
    Fork traced =
        tour(
            (tour, servers) ->
                Fork.traced(
                    List.of(
                        "-Dotel.javaagent.extensions="
                            + System.getProperty("extension")
                            + ","
                            + other),
                    tour,
                    servers));
    assertThat(withoutBytes(traced)).isEqualTo(bytes.matcher(withoutAgent).replaceAll("]"));
    assertThat(traced.log()).containsOnlyOnce(FAULT);
  }

  /** Nor does the agent's own module step in: who wants that one asks for it by name. */
  @ParameterizedTest
  @EnumSource
  void anUnknownJnatsIsLeftAlone(OtherJnats other, @TempDir Path directory) throws Exception {
    String classPath = other.jar(directory) + File.pathSeparator + Fork.classPath();
    Fork traced = tour((tour, servers) -> Fork.traced(List.of("-cp", classPath), tour, servers));
    assertThat(traced.output()).isEqualTo(withoutAgent);
    assertThat(traced.log())
        .containsOnlyOnce("dev.natschat.agent")
        .containsOnlyOnce("This jnats has no " + other.missing);
    assertThat(Telemetry.spans()).isEmpty();
  }

  /** A jar with this class alone; it cannot be loaded here, where the SDK is the agent's. */
  static Path extensionOf(String type, Path directory) throws Exception {
    Path jar = directory.resolve("other.jar");
    String file = type.replace('.', '/') + ".class";
    try (OutputStream bytes = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(bytes);
        InputStream compiled = SameBehaviourIT.class.getResourceAsStream("/" + file)) {
      out.putNextEntry(new JarEntry(file));
      compiled.transferTo(out);
      out.putNextEntry(
          new JarEntry(
              "META-INF/services/"
                  + "io.opentelemetry.sdk.autoconfigure.spi.AutoConfigurationCustomizerProvider"));
      out.write(type.getBytes(UTF_8));
    }
    return jar;
  }

  private static String withoutBytes(Fork fork) {
    return bytes.matcher(fork.output()).replaceAll("]");
  }

  private static Fork tour(JavaProgram program) throws Exception {
    int monitoring = NatsServer.freePort();
    try (NatsServer server =
            NatsServer.start(
                "http: \"127.0.0.1:" + monitoring + "\"",
                "max_payload: 1024",
                "max_pending: 65536");
        NatsServer headerless = NatsServer.start("no_header_support: true")) {
      return program.run(Tour.class, server.url(), String.valueOf(monitoring), headerless.url());
    }
  }
}
