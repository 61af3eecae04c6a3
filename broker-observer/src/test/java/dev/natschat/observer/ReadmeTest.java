package dev.natschat.observer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.natschat.observer.Metric.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tables name every metric as Prometheus does, and none that is not there. */
class ReadmeTest {
  private static final Map<String, String> SUFFIXES =
      Map.of("By", "_bytes", "s", "_seconds", "1", "_ratio");
  private static final Pattern PROMETHEUS_NAME = Pattern.compile("`(nats_[a-z_]+)`");

  @Test
  void everyMetricIsInATableAndNoOther() throws IOException {
    List<String> rows =
        Files.readAllLines(Path.of("README.md")).stream()
            .filter(line -> line.startsWith("| `nats."))
            .toList();
    TreeSet<String> documented = new TreeSet<>();
    for (String row : rows) {
      Matcher names = PROMETHEUS_NAME.matcher(row);
      while (names.find()) {
        documented.add(names.group(1));
      }
    }
    assertThat(documented)
        .containsExactlyElementsOf(
            Stream.concat(
                    Arrays.stream(Metric.values()).map(ReadmeTest::inPrometheus),
                    Arrays.stream(HopMetric.values()).map(ReadmeTest::inPrometheus))
                .sorted()
                .toList());
  }

  private static String inPrometheus(HopMetric metric) {
    return metric.instrument.replace('.', '_') + "_total";
  }

  /** As the Collector's exporter translates: no suffix that the name has already. */
  private static String inPrometheus(Metric metric) {
    String name = metric.instrument.replace('.', '_');
    String suffix = SUFFIXES.getOrDefault(metric.unit, "");
    if (!suffix.isEmpty() && !(name + "_").contains(suffix + "_")) {
      name += suffix;
    }
    return name + (metric.kind == Kind.COUNTER ? "_total" : "");
  }
}
