package dev.natschat.systemtests;

import static dev.natschat.systemtests.Telemetry.RECENT;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * What the files in grafana-provisioning, prometheus/rules and docs ask of the back ends, with the
 * variables filled in as Grafana does for its last 15 minutes.
 */
final class Provisioned {
  private static final Path CHECKOUT = Path.of(System.getProperty("checkout", "..")).normalize();
  private static final String DASHBOARDS = "grafana-provisioning/dashboards";
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
  private static final Pattern VARIABLE = Pattern.compile("\\$(\\w+)|\\$\\{([\\w.\\[\\]\"]+)}");
  private static final Pattern IN_A_PAGE = Pattern.compile("'query=([^']+)'");

  /** How far apart the points of a graph are: no less than the data source's own interval. */
  static final Duration STEP =
      Duration.parse(
          "PT" + settings("prometheus").path("timeInterval").asText().toUpperCase(Locale.ROOT));

  /** Names of what may have no data, each with the reason why. */
  static final Map<String, String> MAY_BE_EMPTY = mayBeEmpty();

  /** What kind of server is asked, and how. */
  enum Kind {
    METRICS,
    METRICS_NOW,
    LABEL_VALUES,
    LOGS,
    TRACES,
    SERVICE_GRAPH,
    /** True only when something is the matter: an alert, an annotation. */
    CONDITION
  }

  /**
   * A query as it is sent.
   *
   * @param where file, panel and query
   * @param legend the series' name, such as {@code {{service_name}}}
   */
  record Query(
      String where, Kind kind, String dataSource, String text, String legend, boolean exemplars) {
    @Override
    public String toString() {
      return where;
    }

    /** The labels that the legend shows. */
    List<String> legendLabels() {
      return Pattern.compile("\\{\\{\\s*(\\w+)\\s*}}")
          .matcher(legend)
          .results()
          .map(result -> result.group(1))
          .toList();
    }
  }

  private Provisioned() {}

  /** The data sources by uid. */
  static Map<String, JsonNode> dataSources() {
    Map<String, JsonNode> sources = new TreeMap<>();
    yaml("grafana-provisioning/datasources/datasources.yaml")
        .path("datasources")
        .forEach(source -> sources.put(source.path("uid").asText(), source));
    return sources;
  }

  /** A data source's own settings. */
  static JsonNode settings(String uid) {
    return Optional.ofNullable(dataSources().get(uid)).orElseThrow().path("jsonData");
  }

  /** Every query of every dashboard's panels and variables, with "All" chosen everywhere. */
  static List<Query> dashboardQueries() {
    List<Query> queries = new ArrayList<>();
    for (Path file : files(DASHBOARDS, ".json")) {
      queries.addAll(variableQueries(file, json(file)));
    }
    queries.addAll(panelQueries(Provisioned::variables));
    return queries;
  }

  /**
   * The queries of the panels that ask for a variable, with every value chosen one by one.
   *
   * @param values asks for the values that a variable offers
   */
  static List<Query> panelQueriesWithValuesChosen(Function<Query, List<String>> values) {
    List<String> all = panelQueries(Provisioned::variables).stream().map(Query::text).toList();
    return panelQueries(
            (file, dashboard) -> {
              Map<String, String> variables = variables(file, dashboard);
              List<Query> asked = variableQueries(file, dashboard);
              for (int i = 0; i < asked.size(); i++) {
                String name =
                    dashboard.path("templating").path("list").path(i).path("name").asText();
                variables.put(name, anyOf(values.apply(asked.get(i))));
              }
              return variables;
            })
        .stream()
        .filter(query -> !all.contains(query.text()))
        .toList();
  }

  /** As Grafana writes several values into a PromQL or LogQL string. */
  private static String anyOf(List<String> values) {
    return values.stream()
        .map(value -> value.replaceAll("[\\\\^$*+?.()|\\[\\]{}]", "\\\\\\\\$0"))
        .collect(Collectors.joining("|", "(", ")"));
  }

  private static List<Query> variableQueries(Path file, JsonNode dashboard) {
    List<Query> queries = new ArrayList<>();
    for (JsonNode variable : dashboard.path("templating").path("list")) {
      queries.add(
          new Query(
              file.getFileName() + ": variable " + variable.path("name").asText(),
              Kind.LABEL_VALUES,
              variable.path("datasource").path("uid").asText(),
              filled(variable.path("query").path("query").asText(), variables(file, dashboard)),
              "",
              false));
    }
    return queries;
  }

  private static List<Query> panelQueries(
      BiFunction<Path, JsonNode, Map<String, String>> filledWith) {
    List<Query> queries = new ArrayList<>();
    for (Path file : files(DASHBOARDS, ".json")) {
      JsonNode dashboard = json(file);
      Map<String, String> variables = filledWith.apply(file, dashboard);
      for (JsonNode panel : dashboard.path("panels")) {
        for (JsonNode target : panel.path("targets")) {
          queries.add(query(file, panel, target, variables));
        }
      }
    }
    return queries;
  }

  private static Query query(
      Path file, JsonNode panel, JsonNode target, Map<String, String> variables) {
    String where =
        "%s: %s, %s"
            .formatted(
                file.getFileName(), panel.path("title").asText(), target.path("refId").asText());
    JsonNode source = target.path("datasource");
    Kind kind =
        switch (source.path("type").asText()) {
          case "prometheus" -> target.path("instant").asBoolean() ? Kind.METRICS_NOW : Kind.METRICS;
          case "loki" -> Kind.LOGS;
          case "tempo" ->
              target.path("queryType").asText().equals("serviceMap")
                  ? Kind.SERVICE_GRAPH
                  : Kind.TRACES;
          default -> throw new AssertionError(where + " asks an unknown kind of server");
        };
    String text = target.has("expr") ? target.path("expr").asText() : target.path("query").asText();
    return new Query(
        where,
        kind,
        source.path("uid").asText(),
        filled(text, variables),
        target.path("legendFormat").asText(),
        target.path("exemplar").asBoolean());
  }

  /**
   * Every condition: Prometheus' alert rules, Grafana's own, the dashboards' annotations, and what
   * the runbooks and the tour have asked.
   */
  static List<Query> conditions() {
    List<Query> conditions = new ArrayList<>();
    for (Path file : files("prometheus/rules", ".yaml")) {
      for (JsonNode rule :
          yaml(file).findValues("rules").stream().flatMap(Provisioned::each).toList()) {
        String name = rule.path("alert").asText(rule.path("record").asText());
        conditions.add(condition(file.getFileName() + ": " + name, rule));
      }
    }
    for (Path file : files("grafana-provisioning/alerting", ".yaml")) {
      for (JsonNode model : yaml(file).findValues("model")) {
        if (model.has("expr")) {
          conditions.add(condition("Grafana's " + file.getFileName(), model));
        }
      }
    }
    for (Path file : files(DASHBOARDS, ".json")) {
      JsonNode dashboard = json(file);
      for (JsonNode annotation : dashboard.path("annotations").path("list")) {
        Query asWritten =
            condition(file.getFileName() + ": " + annotation.path("name").asText(), annotation);
        conditions.add(
            new Query(
                asWritten.where(),
                Kind.CONDITION,
                annotation.path("datasource").path("uid").asText(),
                filled(asWritten.text(), variables(file, dashboard)),
                "",
                false));
      }
    }
    for (Path page : pages()) {
      IN_A_PAGE
          .matcher(text(page))
          .results()
          .map(query -> query.group(1))
          .map(text -> new Query(name(page), Kind.CONDITION, "prometheus", text, "", false))
          .forEach(conditions::add);
    }
    return conditions;
  }

  /** The dashboards that a link of a dashboard, a panel or a page leads to, by what links. */
  static Map<String, List<String>> links() {
    Map<String, List<String>> links = new TreeMap<>();
    for (Path file : files(DASHBOARDS, ".json")) {
      JsonNode dashboard = json(file);
      dashboard.path("links").forEach(link -> links.put(name(file), leadsTo(file, link)));
      for (JsonNode panel : dashboard.path("panels")) {
        String where = name(file) + ": " + panel.path("title").asText();
        panel.path("links").forEach(link -> links.put(where, leadsTo(file, link)));
      }
    }
    for (Path page : pages()) {
      links.put(name(page), uids(text(page)));
    }
    return links;
  }

  /** By its address, or by the tags of other dashboards. */
  private static List<String> leadsTo(Path from, JsonNode link) {
    if (link.path("type").asText().equals("link")) {
      return uids(link.path("url").asText());
    }
    List<JsonNode> tags = each(link.path("tags")).toList();
    List<String> tagged =
        files(DASHBOARDS, ".json").stream()
            .filter(file -> !file.equals(from))
            .map(Provisioned::json)
            .filter(dashboard -> each(dashboard.path("tags")).toList().containsAll(tags))
            .map(dashboard -> dashboard.path("uid").asText())
            .toList();
    return tagged.isEmpty() ? List.of(link.path("title").asText()) : tagged;
  }

  private static List<String> uids(String text) {
    return Pattern.compile("/d/([\\w-]+)")
        .matcher(text)
        .results()
        .map(uid -> uid.group(1))
        .toList();
  }

  /** The uids of the dashboards. */
  static List<String> dashboards() {
    return files(DASHBOARDS, ".json").stream().map(f -> json(f).path("uid").asText()).toList();
  }

  private static List<Path> pages() {
    List<Path> pages = new ArrayList<>(files("docs/runbooks", ".md"));
    pages.add(CHECKOUT.resolve("docs/tour.md"));
    return pages;
  }

  private static String name(Path file) {
    return file.getFileName().toString();
  }

  private static Query condition(String where, JsonNode rule) {
    return new Query(where, Kind.CONDITION, "prometheus", rule.path("expr").asText(), "", false);
  }

  /** The names of the rules in Prometheus' files. */
  static List<String> rules() {
    return files("prometheus/rules", ".yaml").stream()
        .flatMap(file -> yaml(file).findValues("rules").stream())
        .flatMap(Provisioned::each)
        .map(rule -> rule.path("alert").asText(rule.path("record").asText()))
        .toList();
  }

  /** A text with Grafana's escapes undone and this variable filled in. */
  static String filled(String text, Map<String, String> variables) {
    return VARIABLE
        .matcher(text.replace("$$", "$"))
        .replaceAll(
            match -> {
              String name = match.group(1) == null ? match.group(2) : match.group(1);
              String value = variables.get(name);
              if (value == null) {
                throw new AssertionError("there is no variable " + name + ": " + text);
              }
              return Matcher.quoteReplacement(value);
            });
  }

  /** As Grafana has them with "All" chosen; $__rate_interval is four times the interval. */
  private static Map<String, String> variables(Path file, JsonNode dashboard) {
    Map<String, String> variables = new TreeMap<>();
    variables.put("__range", RECENT.toSeconds() + "s");
    variables.put("__interval", STEP.toSeconds() + "s");
    variables.put("__rate_interval", STEP.multipliedBy(4).toSeconds() + "s");
    for (JsonNode variable : dashboard.path("templating").path("list")) {
      variables.put(variable.path("name").asText(), variable.path("allValue").asText());
    }
    return variables;
  }

  private static Map<String, String> mayBeEmpty() {
    Map<String, String> reasons = new TreeMap<>();
    yaml("system-tests/src/test/resources/may-be-empty.yaml")
        .properties()
        .forEach(entry -> reasons.put(entry.getKey(), entry.getValue().asText()));
    return reasons;
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static JsonNode yaml(String path) {
    return yaml(CHECKOUT.resolve(path));
  }

  private static JsonNode yaml(Path file) {
    return read(YAML, file);
  }

  private static JsonNode json(Path file) {
    return read(Chat.JSON, file);
  }

  private static JsonNode read(ObjectMapper format, Path file) {
    try {
      return format.readTree(file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Stream<JsonNode> each(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false);
  }

  private static List<Path> files(String directory, String suffix) {
    try (Stream<Path> files = Files.list(CHECKOUT.resolve(directory))) {
      return files.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
