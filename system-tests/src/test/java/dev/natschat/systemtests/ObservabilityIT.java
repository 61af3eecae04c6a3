package dev.natschat.systemtests;

import static dev.natschat.systemtests.Provisioned.MAY_BE_EMPTY;
import static dev.natschat.systemtests.Telemetry.LOGS;
import static dev.natschat.systemtests.Telemetry.METRICS;
import static dev.natschat.systemtests.Telemetry.RECENT;
import static dev.natschat.systemtests.Telemetry.TRACES;
import static dev.natschat.systemtests.Telemetry.eventually;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.natschat.systemtests.Provisioned.Query;
import dev.natschat.telemetry.LogLine;
import dev.natschat.telemetry.PrometheusReader.Exemplar;
import dev.natschat.telemetry.PrometheusReader.Series;
import dev.natschat.telemetry.Span;
import dev.natschat.telemetry.Trace;
import io.nats.client.AuthenticationException;
import io.nats.client.Nats;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every query that the provisioned files have is answered by the back end that it is for, with
 * data, and every reference in them leads somewhere.
 */
class ObservabilityIT {
  private static final boolean TEMPO = TRACES.source().startsWith("Tempo");

  /** For all queries together: what has no data by then has none. */
  private static Instant deadline = Instant.MAX;

  private static String traceId = "";

  /** How a link names the instance that made a span, which for a hop is its server. */
  private static final String INSTANCE = "__span.tags[\"service.instance.id\"]";

  @BeforeAll
  static void saysWhatIsSkipped() {
    if (!TEMPO) {
      System.out.println("SKIPPED: no Tempo runs here, so nobody is asked what only Tempo answers");
    }
  }

  @BeforeAll
  static void somethingHappensOfEachKind() throws Exception {
    String room = Chat.newRoom();
    String alone =
        Chat.newRoom(); // a message that is stored alone has its log line in its own trace
    try (Chat alice = Chat.as("alice")) {
      alice.say(alone, "hello");
      eventually().until(() -> alice.history(alone).size() == 1);
      for (int i = 0; i < 20; i++) {
        alice.say(room, "hello " + i);
        alice.history(room);
      }
      alice.nats.jetStream().publish("chat." + room, "no JSON".getBytes(UTF_8));
    }
    assertThatThrownBy(() -> Nats.connect(Chat.options("no.such.token", "alice").build()))
        .isInstanceOf(AuthenticationException.class);
    deadline = Instant.now().plus(Duration.ofMinutes(2));
    traceId =
        Telemetry.traceOf(
                "chat." + alone, trace -> Telemetry.has(trace, "persist-worker", "process chat.*"))
            .id();
  }

  static Stream<Query> dashboardQueries() {
    return Provisioned.dashboardQueries().stream();
  }

  static Stream<Query> panelQueriesWithValuesChosen() {
    return Provisioned.panelQueriesWithValuesChosen(variable -> labelValues(variable.text()))
        .stream();
  }

  static Stream<Query> conditions() {
    return Provisioned.conditions().stream();
  }

  @ParameterizedTest
  @MethodSource("dashboardQueries")
  void everyPanelAndVariableHasData(Query query) {
    hasData(query);
  }

  /** A variable whose values are those of another label would empty its panels. */
  @ParameterizedTest
  @MethodSource("panelQueriesWithValuesChosen")
  void everyPanelHasDataWithEachValueOfItsVariablesChosen(Query query) {
    hasData(query);
  }

  private static void hasData(Query query) {
    assertThat(Provisioned.dataSources()).containsKey(query.dataSource());
    boolean tempoAlone =
        query.kind() == Provisioned.Kind.TRACES || query.kind() == Provisioned.Kind.SERVICE_GRAPH;
    assumeTrue(TEMPO || !tempoAlone, "only Tempo answers this, and none runs: " + query);
    if (MAY_BE_EMPTY.containsKey(query.where())) {
      answers(query); // fails on an error all the same
      return;
    }
    patiently().untilAsserted(() -> assertThat(answers(query)).as(query.text()).isPositive());
    if (query.exemplars()) {
      patiently().untilAsserted(() -> assertExemplarsLeadToTraces(query));
    }
  }

  /**
   * An alert that fires for want of its metric is as bad as one that never does: what a condition
   * asks for is there, whether or not the condition holds.
   */
  @ParameterizedTest
  @MethodSource("conditions")
  void everyMetricThatAConditionAsksForExists(Query condition) {
    METRICS.query(condition.text());
    JsonNode syntax =
        BackEnds.prometheus("/api/v1/parse_query", Map.of("query", condition.text())).path("data");
    for (String metric : metrics(syntax)) {
      boolean temposOwn = metric.contains("\"tempo_");
      if (!MAY_BE_EMPTY.containsKey(metric) && (TEMPO || !temposOwn)) {
        patiently()
            .untilAsserted(
                () ->
                    assertThat(METRICS.query("count(last_over_time({%s}[1h]))".formatted(metric)))
                        .as(metric)
                        .isNotEmpty());
      }
    }
  }

  @Test
  void prometheusHasEveryRuleOfTheFilesAndCanEvaluateIt() {
    List<String> names = new ArrayList<>();
    patiently()
        .untilAsserted(
            () -> {
              names.clear();
              JsonNode groups = BackEnds.prometheus("/api/v1/rules", Map.of()).path("data");
              for (JsonNode group : groups.path("groups")) {
                for (JsonNode rule : group.path("rules")) {
                  names.add(rule.path("name").asText());
                  assertThat(rule.path("health").asText())
                      .as(rule.path("name").asText() + rule.path("lastError").asText())
                      .isEqualTo("ok");
                }
              }
            });
    assertThat(names).containsExactlyInAnyOrderElementsOf(Provisioned.rules());
  }

  @Test
  void whatMayBeEmptyIsLittleAndHasAReason() {
    Set<String> known = dashboardQueries().map(Query::where).collect(toSet());
    List<String> panels = MAY_BE_EMPTY.keySet().stream().filter(known::contains).toList();

    assertThat(MAY_BE_EMPTY.values()).allSatisfy(reason -> assertThat(reason).isNotBlank());
    assertThat(panels.size()).isLessThanOrEqualTo(known.size() / 10);
    assertThat(MAY_BE_EMPTY.keySet())
        .as("names a query or the metric of a condition")
        .allMatch(name -> known.contains(name) || name.startsWith("__name__"));
  }

  @Test
  void everyDataSourceThatADataSourcePointsToIsThere() {
    Map<String, JsonNode> sources = Provisioned.dataSources();
    assertThat(sources.keySet()).containsExactlyInAnyOrder("tempo", "prometheus", "loki");
    for (JsonNode source : sources.values()) {
      assertThat(sources.keySet()).containsAll(source.findValuesAsText("datasourceUid"));
    }
  }

  @Test
  void aSpanWhoseParentNeverComesIsCountedAsAnOrphan() throws Exception {
    assumeTrue(TEMPO, "only Tempo counts orphans, and none runs");
    Query orphans =
        dashboardQueries().filter(q -> q.where().contains("Orphans")).findFirst().orElseThrow();
    try (WireClient foreign = new WireClient("bob")) {
      foreign.publish(
          "chat." + Chat.newRoom(),
          "traceparent: 00-%s-00f067aa0ba902b7-01"
              .formatted(UUID.randomUUID().toString().replace("-", "")),
          "{\"user\":\"bob\",\"text\":\"from afar\"}".getBytes(UTF_8));
    }
    patiently()
        .untilAsserted(
            () ->
                assertThat(traceQlMetrics(orphans.text()).findValues("value"))
                    .anySatisfy(share -> assertThat(share.asDouble()).isBetween(0.001, 1.)));
  }

  @Test
  void everyLinkLeadsToADashboard() {
    Map<String, List<String>> links = Provisioned.links();
    assertThat(links.keySet()).hasSizeGreaterThan(Provisioned.dashboards().size());
    links.forEach(
        (where, uids) -> assertThat(Provisioned.dashboards()).as(where).containsAll(uids));
  }

  /** What Grafana shows under a span as its links, in both directions. */
  @Test
  void aMessageOfABatchAndItsBatchLeadToEachOther() throws Exception {
    String room = Chat.newRoom();
    try (Chat alice = Chat.as("alice")) {
      List<CompletableFuture<?>> published = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        byte[] message = alice.message(room, "message " + i);
        published.add(alice.nats.jetStream().publishAsync("chat." + room, message));
      }
      CompletableFuture.allOf(published.toArray(CompletableFuture[]::new)).get(30, SECONDS);
    }

    Trace ofMessage =
        Telemetry.traceOf(
            "chat." + room,
            t -> t.named("process chat.*").stream().anyMatch(ObservabilityIT::linked));
    Span message = ofMessage.named("process chat.*").get(0);
    Span.Link toBatch = message.links().get(0);
    Span batch = // ends after its messages
        eventually()
            .until(
                () -> TRACES.trace(toBatch.traceId()).flatMap(t -> t.span(toBatch.spanId())),
                Optional::isPresent)
            .orElseThrow();

    assertThat(batch.links())
        .contains(new Span.Link(ofMessage.id(), String.valueOf(message.parentId())));
    for (Span.Link toMessage : batch.links()) {
      eventually()
          .untilAsserted(
              () ->
                  assertThat(
                          TRACES
                              .trace(toMessage.traceId())
                              .flatMap(t -> t.span(toMessage.spanId())))
                      .isPresent());
    }
  }

  private static boolean linked(Span span) {
    return !span.links().isEmpty();
  }

  @Test
  void theDerivedFieldLeadsFromALogLineToItsTrace() {
    JsonNode fields = Provisioned.settings("loki").path("derivedFields");
    assertThat(fields).isNotEmpty();
    for (JsonNode field : fields) {
      assertThat(field.path("matcherType").asText()).isEqualTo("label");
      String label = field.path("matcherRegex").asText();
      patiently()
          .untilAsserted(
              () -> {
                LogLine line = newest("{service_name=\"persist-worker\"} | " + label + "!=\"\"");
                String value = String.valueOf(line.labels().get(label));
                String link =
                    Provisioned.filled(field.path("url").asText(), Map.of("__value.raw", value));
                assertThat(field.path("datasourceUid").asText()).isEqualTo("tempo");
                assertThat(TRACES.trace(link)).isPresent();
              });
    }
  }

  @Test
  void aTraceLeadsToItsLogs() {
    JsonNode toLogs = Provisioned.settings("tempo").path("tracesToLogsV2");
    assertThat(toLogs.path("customQuery").asBoolean()).isTrue();
    String query =
        Provisioned.filled(
            toLogs.path("query").asText(),
            Map.of("__trace.traceId", traceId, INSTANCE, "persist-worker"));
    JsonNode tag = toLogs.path("tags").path(0);
    assertThat(tag.path("key").asText()).isEqualTo("service.name");
    patiently()
        .untilAsserted(
            () ->
                assertThat(LOGS.query(query, since(), Instant.now(), 100))
                    .allSatisfy(
                        line -> assertThat(line.labels()).containsKey(tag.path("value").asText()))
                    .allSatisfy(
                        line -> assertThat(line.labels()).containsEntry("trace_id", traceId))
                    .extracting(LogLine::service)
                    .contains("persist-worker"));
  }

  /** What a server logs is in no trace: the hop's server is what leads there. */
  @Test
  void aHopLeadsToItsServersLog() {
    Span hop = hop();
    String query =
        Provisioned.filled(
            Provisioned.settings("tempo").path("tracesToLogsV2").path("query").asText(),
            Map.of("__trace.traceId", traceId, INSTANCE, server(hop)));
    patiently()
        .untilAsserted(
            () ->
                assertThat(LOGS.query(query, since(), Instant.now(), 1000))
                    .filteredOn(line -> line.service().equals("nats-server"))
                    .isNotEmpty()
                    .allSatisfy(
                        line ->
                            assertThat(line.labels())
                                .containsEntry("service_instance_id", server(hop))));
  }

  @Test
  void aHopLeadsToItsServersMetrics() {
    Span hop = hop();
    List<String> ofServers = new ArrayList<>();
    for (JsonNode query : Provisioned.settings("tempo").path("tracesToMetrics").path("queries")) {
      String text = query.path("query").asText();
      if (text.contains(INSTANCE)) {
        ofServers.add(Provisioned.filled(text, Map.of(INSTANCE, server(hop))));
      }
    }
    assertThat(ofServers).isNotEmpty();
    for (String text : ofServers) {
      patiently()
          .untilAsserted(
              () ->
                  assertThat(METRICS.query(text))
                      .as(text)
                      .isNotEmpty()
                      .allSatisfy(
                          series ->
                              assertThat(series.labels()).containsEntry("server", server(hop))));
    }
  }

  private static Span hop() {
    assumeTrue("on".equals(System.getenv("BROKER_HOPS")), "the broker's hops are off");
    return eventually()
        .until(
            () ->
                Telemetry.wholeTrace(traceId).stream()
                    .flatMap(trace -> trace.spans().stream())
                    .filter(span -> span.service().equals(Trace.BROKER))
                    .findFirst()
                    .orElse(null),
            Objects::nonNull);
  }

  /** As the link's variable has it. */
  private static String server(Span hop) {
    return String.valueOf(hop.attribute("service.instance.id"));
  }

  @Test
  void aTraceLeadsToItsMetrics() {
    JsonNode toMetrics = Provisioned.settings("tempo").path("tracesToMetrics");
    String tags = toMetrics.path("tags").path(0).path("value").asText() + "=\"persist-worker\"";
    assertThat(toMetrics.path("queries")).isNotEmpty();
    for (JsonNode query : toMetrics.path("queries")) {
      if (query.path("query").asText().contains(INSTANCE)) {
        continue; // of a hop, below
      }
      String text = Provisioned.filled(query.path("query").asText(), Map.of("__tags", tags));
      patiently().untilAsserted(() -> assertThat(METRICS.query(text)).as(text).isNotEmpty());
    }
  }

  /** How many series with data, lines, or traces. */
  private static int answers(Query query) {
    return switch (query.kind()) {
      case METRICS -> withData(query, METRICS.queryRange(query.text(), RECENT, Provisioned.STEP));
      case METRICS_NOW -> withData(query, METRICS.query(query.text()));
      case LABEL_VALUES -> labelValues(query.text()).size();
      case LOGS -> LOGS.query(query.text(), since(), Instant.now(), 100).size();
      case TRACES -> traces(query.text());
      case SERVICE_GRAPH -> METRICS.query("traces_service_graph_request_total").size();
      case CONDITION -> throw new AssertionError(query + " is not of a dashboard");
    };
  }

  private static int withData(Query query, List<Series> series) {
    List<Series> withData =
        series.stream()
            .filter(s -> s.points().stream().anyMatch(point -> !Double.isNaN(point.value())))
            .toList();
    if (!withData.isEmpty()) {
      assertThat(withData.stream().flatMap(s -> s.labels().keySet().stream()))
          .as("labels of the legend of " + query)
          .containsAll(query.legendLabels());
    }
    return withData.size();
  }

  private static List<String> labelValues(String query) {
    assertThat(query).matches("label_values\\([\\w:]+, \\w+\\)");
    String[] metricAndLabel = query.replaceAll("label_values\\((.*)\\)", "$1").split(", ", -1);
    List<String> values = new ArrayList<>();
    BackEnds.prometheus(
            "/api/v1/label/" + metricAndLabel[1] + "/values", Map.of("match[]", metricAndLabel[0]))
        .path("data")
        .forEach(value -> values.add(value.asText()));
    return values;
  }

  private static int traces(String traceQl) {
    return traceQl.contains("|")
        ? traceQlMetrics(traceQl).size()
        : BackEnds.tempo("/api/search", lately(traceQl)).path("traces").size();
  }

  private static JsonNode traceQlMetrics(String traceQl) {
    return BackEnds.tempo("/api/metrics/query_range", lately(traceQl)).path("series");
  }

  private static Map<String, String> lately(String traceQl) {
    return Map.of(
        "q", traceQl,
        "start", Long.toString(since().getEpochSecond()),
        "end", Long.toString(Instant.now().getEpochSecond()));
  }

  private static void assertExemplarsLeadToTraces(Query query) {
    JsonNode destinations = Provisioned.settings("prometheus").path("exemplarTraceIdDestinations");
    String label = destinations.path(0).path("name").asText();
    List<Exemplar> exemplars = METRICS.exemplars(query.text(), RECENT);
    assertThat(exemplars).as(query.text()).isNotEmpty();
    Exemplar newest = exemplars.get(exemplars.size() - 1);
    assertThat(newest.labels()).containsKey(label);
    assertThat(TRACES.trace(String.valueOf(newest.labels().get(label)))).isPresent();
  }

  /** The selectors of an expression, by the name of their metric alone. */
  private static Set<String> metrics(JsonNode syntax) {
    return syntax.findValues("matchers").stream()
        .flatMap(
            matchers -> Stream.iterate(0, i -> i < matchers.size(), i -> i + 1).map(matchers::path))
        .filter(matcher -> matcher.path("name").asText().equals("__name__"))
        .map(
            matcher ->
                "__name__%s\"%s\""
                    .formatted(matcher.path("type").asText(), matcher.path("value").asText()))
        .collect(toSet());
  }

  private static LogLine newest(String logQl) {
    List<LogLine> lines = LOGS.query(logQl, since(), Instant.now(), 1);
    assertThat(lines).as(logQl).isNotEmpty();
    return lines.get(0);
  }

  private static Instant since() {
    return Instant.now().minus(RECENT);
  }

  private static ConditionFactory patiently() {
    Duration left = Duration.between(Instant.now(), deadline);
    return await()
        .atMost(left.toSeconds() > 2 ? left : Duration.ofSeconds(2))
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(500));
  }
}
