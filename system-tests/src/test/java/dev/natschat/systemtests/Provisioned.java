package dev.natschat.systemtests;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * What the files in grafana-provisioning and prometheus/rules ask of the back ends, with the
 * variables filled in as Grafana does for its last 15 minutes.
 */
final class Provisioned {
  private static final Path CHECKOUT = Path.of(System.getProperty("checkout", "..")).normalize();
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
  private static final Pattern VARIABLE = Pattern.compile("\\$(\\w+)|\\$\\{(\\w+)}");

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

  /** Every query of every dashboard's panels and variables. */
  static List<Query> dashboardQueries() {
    List<Query> queries = new ArrayList<>();
    for (Path file : files("grafana-provisioning/dashboards", ".json")) {
      JsonNode dashboard = json(file);
      Map<String, String> variables = variables(dashboard);
      for (JsonNode variable : dashboard.path("templating").path("list")) {
        String where = file.getFileName() + ": variable " + variable.path("name").asText();
        queries.add(
            new Query(
                where,
                Kind.LABEL_VALUES,
                variable.path("datasource").path("uid").asText(),
                filled(variable.path("query").path("query").asText(), variables),
                "",
                false));
      }
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

  /** Every condition: Prometheus' alert rules, Grafana's own, and the dashboards' annotations. */
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
    for (Path file : files("grafana-provisioning/dashboards", ".json")) {
      JsonNode dashboard = json(file);
      for (JsonNode annotation : dashboard.path("annotations").path("list")) {
        Query asWritten =
            condition(file.getFileName() + ": " + annotation.path("name").asText(), annotation);
        conditions.add(
            new Query(
                asWritten.where(),
                Kind.CONDITION,
                annotation.path("datasource").path("uid").asText(),
                filled(asWritten.text(), variables(dashboard)),
                "",
                false));
      }
    }
    return conditions;
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

  /** As Grafana has them with "All" chosen and 15 minutes shown on 60 points. */
  private static Map<String, String> variables(JsonNode dashboard) {
    Map<String, String> variables = new TreeMap<>();
    variables.put("__range", "15m");
    variables.put("__interval", "15s");
    variables.put("__rate_interval", "1m");
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
