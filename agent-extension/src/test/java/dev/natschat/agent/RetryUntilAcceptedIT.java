package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.grpc.Status;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.trace.Tracer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What becomes of a program's spans and log records when its Collector is away, or refuses them,
 * and of those that it makes when it ends.
 */
@SuppressWarnings("try")
class RetryUntilAcceptedIT {
  private static final String ON = "-Dnatschat.exporter.retry-until-accepted=true";

  private static final String ONE_PASS = "-Dnatschat.exporter.encode-in-one-pass=";

  /** As long the exporter tries by itself. */
  private static final String SHORT = "-Dotel.exporter.otlp.timeout=3000";

  /** Without the exporter's own retries. */
  private static final String ONE_TRY = "-Dotel.java.exporter.otlp.retry.disabled=true";

  private final Path log;
  private OtlpSink sink;

  RetryUntilAcceptedIT(@TempDir Path directory) throws IOException {
    log = directory.resolve("log");
    sink = OtlpSink.onFreePort();
  }

  @AfterEach
  void closeSink() throws InterruptedException {
    sink.close();
  }

  /**
   * Makes spans and log records, numbered, as many as each line of its input says, and counts them.
   * After the line "exit" it does so in a shutdown hook.
   */
  static final class Program {
    private final Tracer tracer = GlobalOpenTelemetry.getTracer("program");
    private final Logger logger = GlobalOpenTelemetry.get().getLogsBridge().get("program");
    private final LongCounter counter =
        GlobalOpenTelemetry.getMeter("program").counterBuilder("numbers").build();
    private final BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, UTF_8));
    private int made;

    public static void main(String[] arguments) {
      Program program = new Program();
      if (program.exitsAfterNumbers()) {
        Thread hook = new Thread(program::exitsAfterNumbers, "draining");
        Runtime.getRuntime().addShutdownHook(hook);
        System.exit(0);
      }
    }

    private boolean exitsAfterNumbers() {
      try {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          if (line.equals("exit")) {
            return true;
          }
          for (int end = made + Integer.parseInt(line); made < end; made++) {
            tracer.spanBuilder("number " + made).startSpan().end();
            logger.logRecordBuilder().setBody("number " + made).emit();
            counter.add(1);
          }
          System.out.println("made " + made);
        }
        return false;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void nothingIsLostWhileTheCollectorIsAway(boolean onePass) throws Exception {
    try (Running program = start(ON, ONE_PASS + onePass, SHORT)) {
      outage(program);
      awaitTaken(1500);
      program.end();
    }
    assertThat(said("spans are kept, and sent again")).isOne();
    assertThat(said("spans are accepted again")).isOne();
    assertThat(said("log records are kept, and sent again")).isOne();
    assertThat(said("log records are accepted again")).isOne();
    assertThat(lost("traces")).isZero();
    assertThat(lost("logs")).isZero();
    assertThat(sink.sums.get("telemetry.export.retries{signal=traces}")).isPositive();
    assertThat(sink.sums.get("telemetry.export.retries{signal=logs}")).isPositive();
  }

  /** So that the test above can fail. */
  @Test
  void unaskedTheAgentLosesSome() throws Exception {
    try (Running program = start()) {
      outage(program);
      program.end();
    }
    assertThat(Set.copyOf(sink.spans)).isSubsetOf(numbers(1500)).hasSizeLessThan(1500);
    assertThat(Set.copyOf(sink.logs)).isSubsetOf(numbers(1500)).hasSizeLessThan(1500);
    assertThat(sink.sums.keySet()).noneMatch(name -> name.startsWith("telemetry.export"));
  }

  /** Long enough for the exporter to give up by itself. */
  private void outage(Running program) throws Exception {
    sink.start();
    program.make(500);
    awaitTaken(500);
    sink.stop();
    program.make(500);
    program.await("Failed to export \\d+ spans");
    program.await("Failed to export \\d+ logs");
    program.make(500);
    sink.start();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsRefusedForGoodIsLostAndDoesNotStopTheOthers(boolean onePass) throws Exception {
    sink.answer = names -> names.contains("number 3") ? Status.INVALID_ARGUMENT : Status.OK;
    sink.start();
    try (Running program = start(ON, ONE_PASS + onePass)) {
      program.make(10);
      program.await("\\d+ spans were refused and are lost");
      program.await("\\d+ log records were refused and are lost");
      program.make(10);
      program.end();
    }
    assertThat(sink.spans).doesNotContain("number 3").contains("number 12");
    assertThat(sink.logs).doesNotContain("number 3").contains("number 12");
    assertThat(sink.spans.size() + lost("traces")).isEqualTo(20);
    assertThat(sink.logs.size() + lost("logs")).isEqualTo(20);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aBatchThatIsTooLargeArrivesInParts(boolean onePass) throws Exception {
    sink.answer = names -> names.size() > 100 ? Status.RESOURCE_EXHAUSTED : Status.OK;
    sink.start();
    try (Running program = start(ON, ONE_PASS + onePass, ONE_TRY)) {
      program.make(500);
      eventually().untilAsserted(() -> assertThat(sink.spans).hasSize(500));
      program.end();
    }
    assertThat(Set.copyOf(sink.spans)).isEqualTo(numbers(500));
    assertThat(lost("traces")).isEqualTo(0);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aSpanThatIsRefusedAloneIsLostAlone(boolean onePass) throws Exception {
    sink.answer = names -> names.contains("number 3") ? Status.RESOURCE_EXHAUSTED : Status.OK;
    sink.start();
    try (Running program = start(ON, ONE_PASS + onePass, ONE_TRY)) {
      program.make(16);
      eventually().untilAsserted(() -> assertThat(sink.spans).hasSize(15));
      program.make(1);
      eventually().untilAsserted(() -> assertThat(sink.spans).hasSize(16));
      program.end();
    }
    assertThat(sink.spans).doesNotHaveDuplicates().doesNotContain("number 3");
    assertThat(lost("traces")).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatDoesNotFitIntoTheQueueIsCounted(boolean onePass) throws Exception {
    try (Running program =
        start(ON, ONE_PASS + onePass, ONE_TRY, "-Dotel.bsp.max.queue.size=600")) {
      program.make(500);
      program.await("Failed to export \\d+ spans"); // one batch is on its way
      program.make(2000);
      sink.start();
      eventually().untilAsserted(() -> assertThat(sink.spans).contains("number 500"));
      program.make(1);
      program.end();
    }
    long dropped =
        sink.sums.getOrDefault(
            "processedSpans{dropped=true, processorType=BatchSpanProcessor}", 0L);
    assertThat(dropped).isPositive();
    assertThat(Set.copyOf(sink.spans)).hasSize((int) (2501 - dropped));
  }

  @Test
  void noLimitOfTimeForATryIsNoReasonToTryAgain() throws Exception {
    sink.start();
    try (Running program = start(ON, "-Dotel.exporter.otlp.timeout=0")) {
      program.make(500);
      program.end();
    }
    assertThat(sink.spans).hasSize(500);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aProgramEndsAlthoughNobodyTakesItsTelemetry(boolean onePass) throws Exception {
    try (Running program = start(ON, ONE_PASS + onePass, "-Dotel.exporter.otlp.timeout=1000")) {
      program.make(500);
      program.end();
      String line = "(\\d+) spans were not accepted before the end and are lost";
      assertThat(
              Pattern.compile(line)
                  .matcher(Files.readString(program.log()))
                  .results()
                  .map(MatchResult::group)
                  .mapToInt(found -> Integer.parseInt(found.split(" ", 2)[0]))
                  .sum())
          .isEqualTo(500);
    }
  }

  @Test
  void whatAShutdownHookDoesIsExported() throws Exception {
    sink.start();
    try (Running program = start("-Dnatschat.shutdown.after-threads=other,draining")) {
      program.make(10);
      program.send("exit");
      makeInShutdownHook(program);
    }
    assertThat(Set.copyOf(sink.spans)).isEqualTo(numbers(20));
    assertThat(Set.copyOf(sink.logs)).isEqualTo(numbers(20));
    assertThat(sink.sums).containsEntry("numbers{}", 20L);
  }

  /** As broker-observer, which makes none. */
  @Test
  void whatAShutdownHookDoesIsExportedAlsoWithoutSpans() throws Exception {
    sink.start();
    try (Running program =
        start("-Dnatschat.shutdown.after-threads=draining", "-Dotel.traces.exporter=none")) {
      program.make(10);
      program.send("exit");
      makeInShutdownHook(program);
    }
    assertThat(sink.spans).isEmpty();
    assertThat(Set.copyOf(sink.logs)).isEqualTo(numbers(20));
    assertThat(sink.sums).containsEntry("numbers{}", 20L);
  }

  /** So that the two tests above can fail. */
  @Test
  void unaskedTheAgentShutsDownMeanwhile() throws Exception {
    sink.start();
    try (Running program = start()) {
      program.make(10);
      program.send("exit");
      eventually().until(() -> sink.sums.containsKey("numbers{}")); // exported once, at the end
      makeInShutdownHook(program);
    }
    assertThat(Set.copyOf(sink.spans)).isEqualTo(numbers(10));
    assertThat(Set.copyOf(sink.logs)).isEqualTo(numbers(10));
    assertThat(sink.sums).containsEntry("numbers{}", 10L);
  }

  private static void makeInShutdownHook(Running program) throws Exception {
    Thread.sleep(1000); // longer than the SDK's shutdown takes
    program.make(10);
    program.end();
  }

  /** As long it tries again after the program's last thread, not after the signal. */
  @Test
  void whatIsLeftWhenAShutdownHookHasEndedIsTriedAgain() throws Exception {
    sink.start();
    // Two tries must fail, and another must be taken, before the end is waited for no longer: 10 s.
    try (Running program =
        start(
            ON,
            "-Dotel.exporter.otlp.timeout=1000",
            "-Dnatschat.shutdown.after-threads=draining")) {
      program.make(10);
      awaitTaken(10);
      sink.stop();
      program.send("exit");
      program.make(10);
      program.await(
          "(?s)Failed to export \\d+ spans.*Failed to export \\d+ spans"); // after 1 s each
      sink.start();
      awaitTaken(20);
      program.end();
    }
  }

  /** Each once or more often: an answer may be late. */
  private void awaitTaken(int count) {
    eventually().untilAsserted(() -> assertThat(Set.copyOf(sink.spans)).isEqualTo(numbers(count)));
    eventually().untilAsserted(() -> assertThat(Set.copyOf(sink.logs)).isEqualTo(numbers(count)));
  }

  private long said(String words) throws IOException {
    return Files.readAllLines(log).stream().filter(line -> line.contains(words)).count();
  }

  private long lost(String signal) {
    return sink.sums.getOrDefault("telemetry.export.lost{signal=" + signal + "}", -1L);
  }

  private static Set<String> numbers(int count) {
    return IntStream.range(0, count).mapToObj(i -> "number " + i).collect(toSet());
  }

  private static ConditionFactory eventually() {
    return await().atMost(Duration.ofSeconds(60));
  }

  private Running start(String... options) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-javaagent:" + System.getProperty("agent"),
            "-Dotel.javaagent.extensions=" + System.getProperty("extension"),
            "-Dotel.exporter.otlp.endpoint=" + sink.endpoint(),
            "-Dotel.exporter.otlp.protocol=grpc",
            "-Dotel.instrumentation.common.default-enabled=false",
            "-Dotel.instrumentation.opentelemetry-api.enabled=true",
            "-Dotel.bsp.schedule.delay=200",
            "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of(options));
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            Program.class.getName()));
    return new Running(new ProcessBuilder(command).redirectError(log.toFile()).start(), log);
  }

  private record Running(Process process, Path log, BufferedReader output, Writer input)
      implements AutoCloseable {
    Running(Process process, Path log) {
      this(process, log, process.inputReader(), process.outputWriter());
    }

    void make(int count) throws IOException {
      send(Integer.toString(count));
      assertThat(output.readLine()).startsWith("made");
    }

    void send(String line) throws IOException {
      input.write(line + "\n");
      input.flush();
    }

    void await(String line) {
      Pattern pattern = Pattern.compile(line);
      eventually().until(() -> pattern.matcher(Files.readString(log)).find());
    }

    /** By itself; the agent's shutdown is part of it. */
    void end() throws Exception {
      input.close();
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
    }

    @Override
    public void close() throws Exception {
      process.destroyForcibly().waitFor();
    }
  }
}
