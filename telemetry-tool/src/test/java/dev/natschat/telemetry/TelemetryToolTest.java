package dev.natschat.telemetry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class TelemetryToolTest {
  /** A trace a1 of two services. */
  private static final String MESSAGE =
      """
      [{"traceId":"a1","id":"b1","localEndpoint":{"serviceName":"chat-client"},"name":"publish chat.*","timestamp":1000},
       {"traceId":"a1","id":"b4","localEndpoint":{"serviceName":"persist-worker"},"name":"process chat.*","timestamp":1001}]""";

  private final CannedServer server = new CannedServer();
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void theNewestMessageTraceIsTheDefaultAndAnEmptyIdIsNone() {
    server
        .answers("/health", "UP")
        .answers("/api/v2/traces", "[[{\"traceId\":\"a1\",\"id\":\"b1\",\"timestamp\":1000}]]")
        .answers(
            "/api/v2/trace/000000000000000000000000000000a1",
            "[{\"traceId\":\"a1\",\"id\":\"b1\",\"name\":\"publish chat.*\",\"timestamp\":1700000000000000}]");

    assertThat(run("trace", "")).isZero();
    assertThat(out.toString(UTF_8))
        .startsWith("TRACE 000000000000000000000000000000a1  publish chat.*");
    assertThat(out.toString(UTF_8)).contains("LOGS  Loki at").contains("from Zipkin at");
    assertThat(server.queries).anyMatch(query -> query.contains("spanName=publish chat.*"));
  }

  @Test
  void aMessageOfAnUntracedPublisherIsTheNewestToo() {
    server
        .answers("/health", "UP")
        .answersTo(
            "/api/v2/traces",
            "spanName=publish chat.*",
            "[[{\"traceId\":\"a1\",\"id\":\"b1\",\"timestamp\":1000}]]")
        .answersTo(
            "/api/v2/traces",
            "spanName=process chat.*",
            """
            [[{"traceId":"a2","id":"b2","timestamp":2000}],[{"traceId":"a1","id":"b1","timestamp":1000}],
             [{"traceId":"a3","id":"b3","timestamp":3000}]]""")
        .answers("/api/v2/trace/000000000000000000000000000000a1", MESSAGE)
        .answers(
            "/api/v2/trace/000000000000000000000000000000a2",
            span("a2", "b2", "persist-worker", "process chat.*", 2000, ""))
        .answers(
            "/api/v2/trace/000000000000000000000000000000a3",
            span(
                "a3",
                "b3",
                "persist-worker",
                "process chat.*",
                3000,
                ",\"tags\":{\"messaging.batch.message_count\":\"2\"}"));

    assertThat(run("trace")).isZero();
    assertThat(out.toString(UTF_8))
        .startsWith("TRACE 000000000000000000000000000000a2  process chat.*");
  }

  @Test
  void moreLogLinesThanArePrintedAreSaid() {
    server
        .answers("/health", "UP")
        .answers("/api/v2/trace/000000000000000000000000000000a1", MESSAGE)
        .answers("/loki/api/v1/query_range", lines(500));
    run("trace", "a1");
    assertThat(out.toString(UTF_8))
        .contains("LOGS  the newest 500 lines\n")
        .contains(
            "more: telemetry-tool/run logs --since 1d --limit 5000 --trace 000000000000000000000000000000a1");

    server.answers("/loki/api/v1/query_range", lines(499));
    out.reset();
    run("trace", "a1");
    assertThat(out.toString(UTF_8)).contains("LOGS  499 lines\n").doesNotContain("more:");
  }

  @Test
  void aTraceThatIsNotThereIsSaidAndFails() {
    server.answers("/health", "UP");

    assertThat(run("trace", "a1")).isEqualTo(1);
    assertThat(err.toString(UTF_8))
        .contains("holds no trace 000000000000000000000000000000a1: it has not arrived yet");
  }

  @Test
  void whatIsNoTraceIdIsOneLine() {
    server.answers("/health", "UP");

    assertThat(run("trace", "xyz")).isEqualTo(1);
    assertThat(err.toString(UTF_8)).hasLineCount(1).contains("\"xyz\" is no trace id");
  }

  @Test
  void statusFailsAndSaysWhatToDoWhenAllIsDown() {
    Addresses nowhere = server.addresses();
    server.close();

    assertThat(run(nowhere, "status")).isEqualTo(1);
    assertThat(out.toString(UTF_8))
        .contains("LOOK NATS")
        .contains(
            "DOWN: NATS, Keycloak, PostgreSQL, Collector, Prometheus, Loki, Tempo or Zipkin, SERVICES")
        .contains("neither Tempo at " + nowhere.tempo() + " nor Zipkin at " + nowhere.zipkin())
        .contains("LOOK Prometheus")
        .contains("does not answer")
        .contains("make up");
  }

  @Test
  void aDatabaseThatAnswersIsWell() throws Exception {
    try (ServerSocket postgres = new ServerSocket(0)) {
      Thread answering =
          new Thread(
              () -> {
                try (Socket client = postgres.accept()) {
                  client.getInputStream().readNBytes(8);
                  client.getOutputStream().write('N');
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
      answering.start();

      run(server.addresses(server.address(), at("postgresql", postgres)), "status");
      answering.join();

      assertThat(out.toString(UTF_8)).contains(" ok  PostgreSQL").doesNotContain("PostgreSQL,");
    }
  }

  /** They take connections and say nothing. */
  @Test
  @Timeout(25)
  void whatHangsIsDown() throws Exception {
    try (ServerSocket keycloak = new ServerSocket(0);
        ServerSocket postgres = new ServerSocket(0)) {
      run(server.addresses(at("http", keycloak), at("postgresql", postgres)), "status");
    }

    assertThat(out.toString(UTF_8)).contains("DOWN: NATS, Keycloak, PostgreSQL,");
  }

  /** Not by each section anew, as long as for a query of days. */
  @Test
  @Timeout(60) // by each section: two minutes
  void aPrometheusThatHangsIsWaitedForOnce() throws Exception {
    try (ServerSocket prometheus = new ServerSocket(0)) {
      run(server.addressesWithPrometheus(at("http", prometheus)), "status");
    }

    assertThat(out.toString(UTF_8))
        .containsPattern("CHAT\n  LOOK unknown +Prometheus does not answer")
        .contains("DOWN: NATS, ", "Prometheus, ", "SERVICES, CHAT, TELEMETRY PIPELINE, ALERTS");
  }

  /** The time of day alone would be that of any of them. */
  @Test
  void logLinesOfSeveralDaysHaveTheirDate() {
    server.answers("/loki/api/v1/query_range", lines(1));

    run("logs", "--since", "2d");
    assertThat(out.toString(UTF_8)).startsWith(" 2023-11-14 22:13:20.000 ");

    out.reset();
    run("logs", "--since", "23h");
    assertThat(out.toString(UTF_8)).startsWith(" 22:13:20.000 ");
  }

  @Test
  void logsSinceBeforeThereWereAnyAreAllThatThereAre() {
    server.answers("/loki/api/v1/query_range", lines(1));

    assertThat(run("logs", "--since", "999999d")).isZero();
    assertThat(server.queries).anyMatch(query -> query.contains("start=0"));
  }

  @Test
  void theTraceStoreIsTheOneThatAnswers() {
    server.answers("/health", "UP");
    run("status");
    assertThat(out.toString(UTF_8)).contains(" ok  Zipkin").doesNotContain("Tempo");

    server.answers("/ready", "ready");
    out.reset();
    run("status");
    assertThat(out.toString(UTF_8)).contains(" ok  Tempo").doesNotContain("Zipkin");
  }

  /** A process that has just begun has used as little CPU as the one before it had then. */
  @Test
  void aServiceThatWasStartedAgainIsNotSilent() {
    long now = System.currentTimeMillis() / 1000;
    server.answersTo(
        "/api/v1/query_range",
        "jvm_cpu_time_seconds_total",
        """
        {"status":"success","data":{"resultType":"matrix","result":[
          {"metric":{"job":"nats-chat/persist-worker"},
           "values":[[%d,"6.06"],[%d,"9.1"],[%d,"5"],[%d,"6.06"],[%d,"6.06"]]}]}}
        """
            .formatted(now - 800, now - 700, now - 20, now - 10, now - 5));
    server.answers("/api/v1/query", "{\"data\":{\"result\":[]}}");

    run("status");

    assertThat(out.toString(UTF_8))
        .containsPattern(" ok  persist-worker +last telemetry 1\\d s ago");
  }

  /**
   * It exports for the first time when it has run for 10 s; what it replaced said nothing since.
   */
  @Test
  void aServiceThatWasStartedAMomentAgoIsNotDown() {
    server.answers("/api/v1/query_range", "{\"data\":{\"result\":[]}}");
    server.answers("/api/v1/query", "{\"data\":{\"result\":[]}}");
    server.answersTo(
        "/connz",
        "user=persist-worker",
        """
        {"now":"2026-11-30T12:00:00.5Z","connections":[
          {"start":"2026-11-30T11:59:10Z"},{"start":"2026-11-30T11:59:20.123456789Z"}]}
        """);
    server.answersTo(
        "/connz",
        "user=history-service",
        """
        {"now":"2026-11-30T12:00:00.5Z","connections":[{"start":"2026-11-30T11:59:10Z"}]}
        """);

    run("status");

    assertThat(out.toString(UTF_8))
        .containsPattern("     persist-worker +was started a moment ago")
        .containsPattern("LOOK history-service +no telemetry")
        .containsPattern("DOWN: .*auth-service, broker-observer, history-service");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        "null",
        "{\"now\":7}",
        "{\"now\":\"2026-11-30T12:00:00.5Z\",\"connections\":[{}]}"
      })
  void whatAnswersLikeNoNatsTellsOfNoService(String json) {
    server.answers("/api/v1/query_range", "{\"data\":{\"result\":[]}}");
    server.answers("/api/v1/query", "{\"data\":{\"result\":[]}}");
    server.answers("/connz", json);

    assertThat(run("status")).isEqualTo(1);

    assertThat(out.toString(UTF_8))
        .containsPattern("LOOK persist-worker +no telemetry")
        .contains("DOWN: ");
  }

  @Test
  void natsIsAskedForNobodysConnectionsWhereNoServiceIsSilent() {
    long now = System.currentTimeMillis() / 1000;
    server.answersTo(
        "/api/v1/query_range",
        "jvm_cpu_time_seconds_total",
        Stream.of("auth-service", "broker-observer", "history-service", "persist-worker")
            .map(
                service ->
                    "{\"metric\":{\"job\":\"nats-chat/%s\"},\"values\":[[%d,\"5\"],[%d,\"6\"]]}"
                        .formatted(service, now - 10, now - 5))
            .collect(Collectors.joining(",", "{\"data\":{\"result\":[", "]}}")));
    server.answers("/api/v1/query", "{\"data\":{\"result\":[]}}");

    run("status");

    assertThat(out.toString(UTF_8)).contains(" ok  auth-service", " ok  persist-worker");
    assertThat(server.queries).noneMatch(query -> query.startsWith("user="));
  }

  @Test
  void aServiceThatNatsDoesNotLetInIsNamed() {
    long now = System.currentTimeMillis() / 1000;
    server.answersTo(
        "/api/v1/query_range",
        "jvm_cpu_time_seconds_total",
        """
        {"status":"success","data":{"resultType":"matrix","result":[
          {"metric":{"job":"nats-chat/persist-worker"},"values":[[%d,"5"],[%d,"6.06"]]},
          {"metric":{"job":"nats-chat/history-service"},"values":[[%d,"5"],[%d,"6.06"]]}]}}
        """
            .formatted(now - 10, now - 5, now - 10, now - 5));
    server.answers("/api/v1/query", "{\"data\":{\"result\":[]}}");
    server.answersTo(
        "/api/v1/query",
        "nats_client_connections",
        """
        {"status":"success","data":{"resultType":"vector","result":[
          {"metric":{"job":"nats-chat/persist-worker"},"value":[1700000000.1,"1"]},
          {"metric":{"job":"nats-chat/persist-worker","server_address":"a"},"value":[1700000000.1,"0"]},
          {"metric":{"job":"nats-chat/history-service"},"value":[1700000000.1,"1"]},
          {"metric":{"job":"nats-chat/history-service","server_address":"a"},"value":[1700000000.1,"1"]}]}}
        """);

    run("status");

    assertThat(out.toString(UTF_8))
        .containsPattern("LOOK persist-worker .*NATS has not let it in")
        .containsPattern(" ok  history-service")
        .contains("- NATS has not let persist-worker in since it was started");
  }

  @Test
  void whatWaitsInTheStreamIsSaid() {
    server.answers("/api/v1/query", "{\"data\":{\"result\":[]}}");
    server.answersTo(
        "/api/v1/query",
        "nats_consumer_pending",
        "{\"data\":{\"result\":[{\"metric\":{},\"value\":[1700000000.1,\"2945\"]}]}}");

    run("status");

    assertThat(out.toString(UTF_8))
        .containsPattern("messages waiting +2,945 to be delivered, \\? delivered");
  }

  /** Tempo's search finds a message's trace some seconds after it can be had by its id. */
  @Test
  void theNewestMessageIsFoundByItsLogLineBeforeTheSearchFindsIt() {
    server.answers("/health", "UP");
    server.answers("/api/v2/traces", "[]");
    server.answersTo(
        "/loki/api/v1/query_range",
        "trace_id!=",
        """
        {"data":{"result":[{"stream":{"service_name":"chat-client","trace_id":"b2"},
          "values":[["1700000000000000000","Said"]]}]}}
        """);
    server.answers(
        "/api/v2/trace/000000000000000000000000000000b2",
        span("b2", "2", "chat-client", "publish chat.*", 1_700_000_000_000_000L, ""));

    assertThat(run("trace")).isZero();
    assertThat(out.toString(UTF_8)).contains("TRACE 000000000000000000000000000000b2");
  }

  @Test
  void aMissingGrafanaIsDownWhereOneIsExpected() {
    run("status");
    assertThat(out.toString(UTF_8))
        .contains("     Grafana                not running here")
        .doesNotContainPattern("DOWN: .*Grafana");

    out.reset();
    commandLine(server.addresses(), true).execute("status");
    assertThat(out.toString(UTF_8))
        .contains("LOOK Grafana                " + server.address() + "  answers HTTP 404")
        .containsPattern("DOWN: .*Grafana");

    server.answers("/api/health", "{}");
    out.reset();
    run("status");
    assertThat(out.toString(UTF_8)).contains(" ok  Grafana");
  }

  /** A Collector that stops fails to send what it then keeps on disk: no loss. */
  @Test
  void whatACollectorKeepsWhileItStopsIsNoLoss() {
    server.answers("/api/v1/query", "{\"data\":{\"result\":[]}}");

    run("status");

    assertThat(server.queries)
        .filteredOn(query -> query.contains("send_failed"))
        .hasSize(3)
        .allMatch(query -> query.contains("_total{error_type!=\"Shutdown\"}[15m]"));
    assertThat(server.queries)
        .filteredOn(query -> query.contains("receiver_refused"))
        .hasSize(3)
        .noneMatch(query -> query.contains("Shutdown"));
  }

  @Test
  void hopsThatFoundNoPlaceInTheirQueueAreLost() {
    server.answers("/api/v1/query", "{\"data\":{\"result\":[]}}");
    server.answersTo(
        "/api/v1/query",
        "nats_hops_traces_dropped_total{reason=\"export\"}",
        "{\"data\":{\"result\":[{\"metric\":{},\"value\":[1700000000.1,\"4472\"]}]}}");

    run("status");

    assertThat(out.toString(UTF_8))
        .containsPattern("LOOK lost or refused +4,472 messages' hops dropped in 15 min");
  }

  @Test
  void statusNamesThePageOfAnAlertThatFires() {
    server.answersTo(
        "/api/v1/query",
        "(timestamp(ALERTS{alertstate=\"firing\"}) > time() - 30)",
        """
        {"status":"success","data":{"resultType":"vector","result":[
          {"metric":{"alertname":"PoisonSeen","severity":"warning"},"value":[1700000000.1,"1"]}]}}
        """);

    run("status");

    assertThat(out.toString(UTF_8).lines())
        .contains("  - alert PoisonSeen fires: docs/runbooks/PoisonSeen.md");
  }

  @Test
  void aWrongAddressNamesItsVariable() {
    assertThatThrownBy(() -> Addresses.from(Map.of("LOKI_URL", "here")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("LOKI_URL is \"here\": expected an address like http://127.0.0.1:3100");
    assertThat(Addresses.from(Map.of("NATS_URL", "nats://a:1, nats://b:2")).nats())
        .hasToString("nats://a:1");
    assertThat(Addresses.from(Map.of("TEMPO_URL", "http://a:1/")).tempo())
        .hasToString("http://a:1");
    assertThat(Addresses.from(Map.of("LOKI_PORT", "7", "LOKI_URL", "")).loki())
        .hasToString("http://127.0.0.1:7");
  }

  private static URI at(String scheme, ServerSocket socket) {
    return URI.create(scheme + "://127.0.0.1:" + socket.getLocalPort());
  }

  private int run(String... args) {
    return run(server.addresses(), args);
  }

  private int run(Addresses addresses, String... args) {
    return commandLine(addresses, false).execute(args);
  }

  private CommandLine commandLine(Addresses addresses, boolean grafanaExpected) {
    Session session =
        new Session(
            addresses,
            "nats-chat",
            grafanaExpected,
            new Terminal(100, false, true),
            new PrintStream(out, true, UTF_8),
            new PrintStream(err, true, UTF_8));
    return TelemetryTool.commandLine(session);
  }

  private static String span(
      String trace, String id, String service, String name, long micros, String more) {
    return """
    [{"traceId":"%s","id":"%s","localEndpoint":{"serviceName":"%s"},"name":"%s","timestamp":%d%s}]"""
        .formatted(trace, id, service, name, micros, more);
  }

  private static String lines(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> "[\"17000000000000%05d\",\"line\"]".formatted(i))
        .collect(
            Collectors.joining(
                ",",
                "{\"data\":{\"result\":[{\"stream\":{\"service_name\":\"a\"},\"values\":[",
                "]}]}}"));
  }
}
