package dev.natschat.telemetry;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.Comparator.comparing;

import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import picocli.CommandLine.Command;

/** Prints what an operator asks first: is everything up, does it move, what went wrong lately. */
@Command(
    name = "status",
    mixinStandardHelpOptions = true,
    description =
        "Is everything healthy? Servers, services, the chat's figures, the telemetry pipeline, alerts and newest errors.")
final class StatusCommand implements Callable<Integer> {
  private static final List<String> SERVICES =
      List.of("auth-service", "broker-observer", "history-service", "persist-worker");
  private static final Duration RECENT = Duration.ofMinutes(15);

  /**
   * Services export every 10 s and are scraped every 10 s; past this, three exports are missing.
   */
  private static final Duration SILENT = Duration.ofSeconds(45);

  /** A Prometheus that was started again shows for 5 minutes what fired before: not that. */
  private static final String FIRING =
      "count by (alertname, severity) (timestamp(ALERTS{alertstate=\"firing\"}) > time() - 30)";

  private static final int PROBE_MILLIS = 2000;

  private final Session session;
  private final Addresses addresses;
  private final Terminal terminal;
  private final PrintStream out;
  private final PrometheusReader prometheus;
  private final List<String> down = new ArrayList<>();
  private final List<String> silent = new ArrayList<>();
  private final List<String> problems = new ArrayList<>();

  StatusCommand(Session session) {
    this.session = session;
    this.addresses = session.addresses();
    this.terminal = session.terminal();
    this.out = session.out();
    this.prometheus = new PrometheusReader(addresses);
  }

  @Override
  public Integer call() {
    servers();
    section("SERVICES", "Prometheus", this::services);
    section("CHAT", "Prometheus", this::chat);
    section("TELEMETRY PIPELINE", "Prometheus", this::pipeline);
    section("ALERTS", "Prometheus", this::alerts);
    section("NEWEST ERRORS of the last 15 min", "Loki", this::errors);
    return verdict();
  }

  private void servers() {
    out.println(terminal.bold("SERVERS"));
    server("NATS", addresses.nats(), natsProblem(addresses.nats()));
    http("Keycloak", addresses.keycloak(), "/realms/" + session.realm());
    server("PostgreSQL", addresses.postgres(), postgresProblem(addresses.postgres()));
    http("Collector", addresses.collectorHealth(), "/");
    http("Prometheus", addresses.prometheus(), "/-/ready");
    http("Loki", addresses.loki(), "/ready");
    traceStore();
    Optional<String> noGrafana =
        new HttpJson("Grafana", addresses.grafana()).problem("/api/health");
    if (session.grafanaExpected() || noGrafana.isEmpty()) {
      server("Grafana", addresses.grafana(), noGrafana);
    } else {
      line(
          State.NONE,
          "Grafana",
          "not running here: make trace, make logs and make status stand in for it");
    }
  }

  /** Which of the two this system has is known only while it answers. */
  private void traceStore() {
    HttpJson tempo = new HttpJson("Tempo", addresses.tempo());
    HttpJson zipkin = new HttpJson("Zipkin", addresses.zipkin());
    if (tempo.problem("/ready").isEmpty()) {
      server("Tempo", addresses.tempo(), Optional.empty());
    } else if (zipkin.problem("/health").isEmpty()) {
      server("Zipkin", addresses.zipkin(), Optional.empty());
    } else {
      down.add("Tempo or Zipkin");
      line(State.BAD, "Tempo or Zipkin", "neither %s nor %s answers".formatted(tempo, zipkin));
    }
  }

  private void http(String name, URI address, String path) {
    server(name, address, new HttpJson(name, address).problem(path));
  }

  private void server(String name, URI address, Optional<String> problem) {
    problem.ifPresent(what -> down.add(name));
    problem.filter(HttpJson.SILENT::equals).ifPresent(what -> silent.add(name));
    line(
        problem.isPresent() ? State.BAD : State.GOOD,
        name,
        address + problem.map(what -> "  " + what).orElse(""));
  }

  /** A NATS server speaks first: INFO and a JSON object (docs.nats.io, client protocol). */
  private static Optional<String> natsProblem(URI nats) {
    return problem(
        nats,
        4222,
        socket -> new String(socket.getInputStream().readNBytes(5), US_ASCII).equals("INFO "),
        "does not greet like a NATS server");
  }

  /**
   * A PostgreSQL server answers one who asks for TLS with one byte, before any password: S or N
   * (postgresql.org, protocol, SSLRequest). One that hangs takes connections, and does not.
   */
  private static Optional<String> postgresProblem(URI postgres) {
    return problem(
        postgres,
        5432,
        socket -> {
          socket.getOutputStream().write(ByteBuffer.allocate(8).putInt(8).putInt(80877103).array());
          int answer = socket.getInputStream().read();
          return answer == 'S' || answer == 'N';
        },
        "does not answer like PostgreSQL");
  }

  private static Optional<String> problem(
      URI server, int defaultPort, Probe probe, String whenAnotherAnswers) {
    try (Socket socket = new Socket()) {
      int port = server.getPort() < 0 ? defaultPort : server.getPort();
      socket.connect(new InetSocketAddress(server.getHost(), port), PROBE_MILLIS);
      socket.setSoTimeout(PROBE_MILLIS);
      return probe.isRightServer(socket) ? Optional.empty() : Optional.of(whenAnotherAnswers);
    } catch (IOException e) {
      return Optional.of(HttpJson.SILENT);
    }
  }

  private void services() {
    Map<String, String> versions = new TreeMap<>();
    for (PrometheusReader.Series info : prometheus.query("target_info")) {
      versions.put(
          serviceOf(info), info.labels().getOrDefault("service_version", "version unknown"));
    }
    Set<String> notLetIn = notLetIn();
    Map<String, List<Duration>> ages = lastMovements();
    SERVICES.forEach(expected -> ages.putIfAbsent(expected, List.of()));
    ages.forEach(
        (service, instances) -> {
          long live = instances.stream().filter(age -> age.compareTo(SILENT) <= 0).count();
          if (live > 0) {
            boolean waits = notLetIn.contains(service) && !hasJustConnected(service);
            line(
                waits ? State.BAD : State.GOOD,
                service,
                "%-8s last telemetry %s ago%s%s"
                    .formatted(
                        versions.getOrDefault(service, ""),
                        Text.age(instances.get(0)),
                        live > 1 ? ", " + live + " instances" : "",
                        waits ? "; NATS has not let it in" : ""));
            if (waits) {
              problems.add(
                  "NATS has not let "
                      + service
                      + " in since it was started: docs/runbooks/ServiceNotLetIn.md");
            }
          } else if (SERVICES.contains(service) && hasJustConnected(service)) {
            line(State.NONE, service, "was started a moment ago: its first telemetry is to come");
          } else if (SERVICES.contains(service)) {
            String silence =
                instances.isEmpty()
                    ? "no telemetry in the last " + Text.age(RECENT)
                    : "no telemetry for " + Text.age(instances.get(0));
            line(State.BAD, service, silence);
            down.add(service);
          }
        });
  }

  /**
   * Whether it connected to NATS so short a time ago that nothing need be heard yet. NATS is asked
   * for the user that it let in, for anybody gives a connection any name.
   */
  private boolean hasJustConnected(String service) {
    String user = service.equals("auth-service") ? "auth" : service; // as nats/nats.conf has them
    try {
      return new HttpJson("NATS' monitoring", addresses.natsMonitor())
          .get("/connz", Map.of("user", user)).stream()
              .flatMap(
                  connz -> {
                    Instant young = Instant.parse(connz.path("now").asText()).minus(SILENT);
                    return StreamSupport.stream(connz.path("connections").spliterator(), false)
                        .map(connection -> Instant.parse(connection.path("start").asText()))
                        .filter(start -> start.isAfter(young));
                  })
              .findAny()
              .isPresent();
    } catch (BackendException | DateTimeParseException unknown) { // the last: it is no NATS
      return false;
    }
  }

  /**
   * The services none of whose connections has reached a server, as the alert of that name has it.
   */
  private Set<String> notLetIn() {
    Map<String, Double> connected = new TreeMap<>();
    for (PrometheusReader.Series connections : prometheus.query("nats_client_connections")) {
      boolean reached = connections.labels().containsKey("server_address");
      connected.merge(serviceOf(connections), reached ? connections.value() : 0, Double::sum);
    }
    return connected.entrySet().stream()
        .filter(service -> service.getValue() == 0)
        .map(Map.Entry::getKey)
        .collect(Collectors.toSet());
  }

  /**
   * How long ago each instance of each service was last heard of, youngest first. The Collector
   * offers the last value of a dead process for minutes, so only a value that moved counts: CPU
   * time always does. It begins again with each process, so an older one may have had the same.
   */
  private Map<String, List<Duration>> lastMovements() {
    Map<String, List<Duration>> ages = new TreeMap<>();
    double now = Instant.now().toEpochMilli() / 1e3;
    for (PrometheusReader.Series cpu :
        prometheus.queryRange("jvm_cpu_time_seconds_total", RECENT, Duration.ofSeconds(5))) {
      List<PrometheusReader.Point> points = cpu.points();
      int since = points.size() - 1;
      while (since > 0 && points.get(since - 1).value() == cpu.value()) {
        since--;
      }
      double moved = points.get(since).time();
      ages.computeIfAbsent(serviceOf(cpu), service -> new ArrayList<>())
          .add(Duration.ofMillis((long) ((now - moved) * 1e3)));
    }
    ages.values().forEach(list -> list.sort(comparing(age -> age)));
    return ages;
  }

  /**
   * The job label is {@code namespace/service}, as OpenTelemetry's rules for Prometheus have it.
   */
  private static String serviceOf(PrometheusReader.Series series) {
    String job = series.labels().getOrDefault("job", "");
    return job.substring(job.lastIndexOf('/') + 1);
  }

  private void chat() {
    figure(
        "messages persisted",
        "%s/s, %s since the start",
        "sum(rate(messages_persisted_total[1m]))",
        "sum(messages_persisted_total)");
    waiting();
    persistErrors();
    figure("history requests", "%s/s", "sum(rate(history_requests_total[1m]))");
    OptionalDouble p95 =
        prometheus.value(
            "histogram_quantile(0.95, sum by (le) (rate(history_request_duration_seconds_bucket[5m])))");
    line(
        State.NONE,
        "history p95",
        p95.isPresent()
            ? Text.duration((long) (p95.getAsDouble() * 1e9)) + " over 5 min"
            : "no request in 5 min");
    String auth =
        prometheus.query("sort_desc(sum by (result) (increase(auth_requests_total[15m])))").stream()
            .map(
                s ->
                    Text.number(Math.rint(s.value()))
                        + " "
                        + s.labels().getOrDefault("result", "?"))
            .collect(Collectors.joining(", "));
    line(State.NONE, "logins in 15 min", auth.isEmpty() ? "no figures (yet)" : auth);
    if (prometheus.value("sum(increase(auth_requests_total{result=\"error\"}[15m]))").orElse(0)
        >= 1) {
      problems.add(
          "logins end in errors: is Keycloak reachable from auth-service? make logs SERVICE=auth-service");
    }
  }

  /** Of one consumer of the stream: that of persist-worker, unless an operator adds one. */
  private void waiting() {
    figure(
        "messages waiting",
        "%s to be delivered, %s delivered and not persisted yet",
        "sum(nats_consumer_pending{stream=\"CHAT_MESSAGES\",consumer!=\"(ephemeral)\"})",
        "sum(nats_consumer_ack_pending{stream=\"CHAT_MESSAGES\",consumer!=\"(ephemeral)\"})");
  }

  private void persistErrors() {
    String kinds =
        prometheus
            .query("sum by (error_type) (increase(messages_persist_errors_total[15m])) > 0.5")
            .stream()
            .map(
                s ->
                    Text.number(Math.rint(s.value()))
                        + " "
                        + s.labels().getOrDefault("error_type", ""))
            .collect(Collectors.joining(", "));
    if (kinds.isEmpty()) {
      line(State.GOOD, "persist errors", "none in 15 min");
    } else {
      line(State.BAD, "persist errors", kinds + " in 15 min");
      problems.add(
          "messages were set aside (table dead_letters) or failed: make logs SERVICE=persist-worker");
    }
  }

  private void pipeline() {
    figure(
        "received",
        "%s spans/s, %s log records/s, %s metric points/s",
        "sum(rate(otelcol_receiver_accepted_spans_total[1m]))",
        "sum(rate(otelcol_receiver_accepted_log_records_total[1m]))",
        "sum(rate(otelcol_receiver_accepted_metric_points_total[1m]))");
    for (PrometheusReader.Series queue : prometheus.query("otelcol_exporter_queue_size")) {
      String exporter = queue.labels().getOrDefault("exporter", "?");
      double capacity =
          prometheus
              .value("max(otelcol_exporter_queue_capacity{exporter=\"" + exporter + "\"})")
              .orElse(Double.POSITIVE_INFINITY);
      boolean filling = queue.value() > capacity / 2;
      line(
          filling ? State.BAD : State.GOOD,
          "queue " + exporter,
          "%s of %s".formatted(Text.number(queue.value()), Text.number(capacity)));
      if (filling) {
        problems.add(
            "the Collector's queue for " + exporter + " fills: is that server down or slow?");
      }
    }
    losses();
  }

  private void losses() {
    Map<String, String> counters = new LinkedHashMap<>();
    for (String what :
        List.of("exporter_enqueue_failed", "exporter_send_failed", "receiver_refused")) {
      for (String signal : List.of("spans", "log_records", "metric_points")) {
        counters.put(
            signal + " " + what.replace('_', ' '),
            "otelcol_%s_%s_total%s".formatted(what, signal, exceptWhile(what)));
      }
    }
    counters.put(
        "dropped in services", "{__name__=~\"processed(Spans|Logs)_total\",dropped=\"true\"}");
    counters.put("given up in services", "telemetry_export_lost_total");
    counters.put("messages' hops dropped", "nats_hops_traces_dropped_total{reason=\"export\"}");
    String losses =
        counters.entrySet().stream()
            .map(counter -> Map.entry(counter.getKey(), lost(counter.getValue())))
            .filter(lost -> lost.getValue() >= 1)
            .map(lost -> Text.number(lost.getValue()) + " " + lost.getKey())
            .collect(Collectors.joining(", "));
    if (losses.isEmpty()) {
      line(State.GOOD, "lost or refused", "none in 15 min");
    } else {
      line(State.BAD, "lost or refused", losses + " in 15 min");
      problems.add("telemetry was lost or refused: see the Collector's log and the alerts");
    }
  }

  /** What a Collector could not send while it stopped is on its disk, and sent when it is back. */
  private static String exceptWhile(String failed) {
    return failed.equals("exporter_send_failed") ? "{error_type!=\"Shutdown\"}" : "";
  }

  /**
   * How much a counter grew in 15 min, also when its process was started again. These counters are
   * born with the first failure, which increase() would miss: a new one counts whole.
   */
  private double lost(String counter) {
    return Math.rint(
        prometheus
            .value(
                "(sum(increase(%1$s[15m]) and %1$s offset 15m) or vector(0)) + (sum(max_over_time(%1$s[15m]) unless %1$s offset 15m) or vector(0))"
                    .formatted(counter))
            .orElse(0));
  }

  private void alerts() {
    List<PrometheusReader.Series> firing = prometheus.query(FIRING);
    if (firing.isEmpty()) {
      line(State.GOOD, "none fires", "");
    }
    for (PrometheusReader.Series alert : firing) {
      String name = alert.labels().getOrDefault("alertname", "?");
      String severity = alert.labels().getOrDefault("severity", "");
      line(
          State.BAD,
          name,
          severity + (alert.value() > 1 ? ", " + Text.number(alert.value()) + " of them" : ""));
      problems.add("alert " + name + " fires: docs/runbooks/" + name + ".md");
    }
  }

  private void errors() {
    Instant now = Instant.now();
    List<LogLine> lines =
        new LokiReader(addresses)
            .query(
                LogsCommand.logQl(null, null, List.of("ERROR", "FATAL")),
                now.minus(RECENT),
                now,
                5);
    if (lines.isEmpty()) {
      line(State.GOOD, "none", "");
    } else {
      new LogView(terminal, out).ofAll(lines, RECENT);
    }
  }

  /** Fills the values of expressions into a text; says so when Prometheus has none of them. */
  private void figure(String label, String format, String... expressions) {
    List<String> values = new ArrayList<>();
    for (String expression : expressions) {
      OptionalDouble value = prometheus.value(expression);
      values.add(value.isPresent() ? Text.number(value.getAsDouble()) : "?");
    }
    boolean known = values.stream().anyMatch(value -> !value.equals("?"));
    line(State.NONE, label, known ? format.formatted(values.toArray()) : "no figures (yet)");
  }

  /** Who says nothing at all is not asked again: each question would wait for half a minute. */
  private void section(String title, String asked, Runnable content) {
    out.println();
    out.println(terminal.bold(title));
    if (silent.contains(asked)) {
      line(State.BAD, "unknown", asked + " " + HttpJson.SILENT);
      down.add(title);
      return;
    }
    try {
      content.run();
    } catch (BackendException e) {
      line(State.BAD, "unknown", String.valueOf(e.getMessage()));
      down.add(title);
    }
  }

  private int verdict() {
    out.println();
    if (!down.isEmpty()) {
      out.println(terminal.red("DOWN: " + String.join(", ", down)));
      out.println(
          "  make up starts what is missing; processes/restart NAME (docker compose restart NAME) what hangs");
      out.println("  the logs are in .run/log, or docker compose logs");
    }
    if (!problems.isEmpty()) {
      out.println(terminal.yellow(Text.counted(problems.size(), "thing") + " to look at:"));
      problems.forEach(problem -> out.println("  - " + problem));
    }
    if (down.isEmpty() && problems.isEmpty()) {
      out.println(terminal.green("Everything is healthy."));
    }
    return down.isEmpty() ? 0 : 1;
  }

  private void line(State state, String label, String text) {
    String mark =
        switch (state) {
          case GOOD -> terminal.green(" ok ");
          case BAD -> terminal.red("LOOK");
          case NONE -> "    ";
        };
    out.printf("  %s %s %s%n", mark, terminal.column(label, 22), text);
  }

  private interface Probe {
    boolean isRightServer(Socket socket) throws IOException;
  }

  private enum State {
    GOOD,
    BAD,
    NONE
  }
}
