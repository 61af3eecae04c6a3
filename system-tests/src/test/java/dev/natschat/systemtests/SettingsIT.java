package dev.natschat.systemtests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** How long telemetry is kept is what .env says, asked of the back ends themselves. */
class SettingsIT {
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
  private static final Pattern UNIT = Pattern.compile("(\\d+)(y|w|d|h|m(?!s)|s)");

  @Test
  void prometheusKeepsMetricsForSoLongAndSoMany() {
    JsonNode flags = BackEnds.prometheus("/api/v1/status/flags", Map.of()).path("data");

    assertThat(duration(flags.path("storage.tsdb.retention.time").asText()))
        .isEqualTo(duration(setting("PROMETHEUS_RETENTION", "3d")));
    assertThat(flags.path("storage.tsdb.retention.size").asText().replace("iB", "B"))
        .isEqualTo(setting("PROMETHEUS_RETENTION_SIZE", "2GB"));
  }

  @Test
  void lokiKeepsLogsForSoLong() throws IOException {
    JsonNode limits = configuration(Chat.ADDRESSES.loki(), "/config").path("limits_config");

    assertThat(duration(limits.path("retention_period").asText()))
        .isEqualTo(duration(setting("LOKI_RETENTION", "72h")));
  }

  @Test
  void tempoKeepsTracesForSoLong() throws IOException {
    assumeTrue(Telemetry.TRACES.source().startsWith("Tempo"), "no Tempo");
    JsonNode worker =
        configuration(Chat.ADDRESSES.tempo(), "/status/config").path("backend_worker");

    assertThat(duration(worker.path("compaction").path("block_retention").asText()))
        .isEqualTo(duration(setting("TEMPO_RETENTION", "72h")));
  }

  private static String setting(String name, String byDefault) {
    return System.getenv().getOrDefault(name, byDefault);
  }

  private static JsonNode configuration(URI server, String path) throws IOException {
    // Tempo's answer begins with a document that is the line of the request.
    return YAML.readTree(BackEnds.text(server, path).replaceFirst("^GET .*\\R", ""));
  }

  /** 3d, 72h and 72h0m0s are the same. */
  private static Duration duration(String text) {
    Duration sum = Duration.ZERO;
    Matcher part = UNIT.matcher(text);
    while (part.find()) {
      sum =
          sum.plus(
              Duration.ofSeconds(
                  Long.parseLong(part.group(1))
                      * switch (part.group(2)) {
                        case "y" -> 365L * 86400;
                        case "w" -> 7L * 86400;
                        case "d" -> 86400L;
                        case "h" -> 3600L;
                        case "m" -> 60L;
                        default -> 1L;
                      }));
    }
    return sum;
  }
}
