package dev.natschat.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TraceReaderTest {
  private static final String ID = "0af7651916cd43dd8448eb211c80319c";

  /** As zipkin.io/zipkin-api and the Collector's zipkin exporter document it. */
  private static final String ZIPKIN_TRACE =
      """
      [{"traceId":"0af7651916cd43dd8448eb211c80319c","parentId":"00f067aa0ba902b7","id":"53995c3f42cd8ad8",
        "kind":"CONSUMER","name":"process chat.*","timestamp":1700000000001500,"duration":16100,
        "localEndpoint":{"serviceName":"persist-worker"},
        "annotations":[{"timestamp":1700000000002000,"value":"exception|{\\"exception.type\\":\\"java.io.IOException\\",\\"exception.message\\":\\"a|b\\"}|0"},
                       {"timestamp":1700000000002000,"value":"woke up"}],
        "tags":{"otel.library.name":"dev.natschat.jnats","otel.status_code":"STATUS_CODE_ERROR","otel.status_description":"broken",
                "error":"broken","messaging.system":"nats","messaging.message.body.size":"61",
                "messaging.list":"[\\"a\\",\\"b\\"]","service.version":"1.0.0",
                "otlp.link.0":"000000000000000000000000000000a1|00f067aa0ba902b9||{}|0",
                "otlp.link.10":"4bf92f3577b34da6a3ce929d0e0e4736|00f067aa0ba902bb||{}|0",
                "otlp.link.2":"4bf92f3577b34da6a3ce929d0e0e4736|00f067aa0ba902ba|a=b|{\\"k\\":\\"x|y\\"}|0"}},
       {"traceId":"0af7651916cd43dd8448eb211c80319c","id":"00f067aa0ba902b7","kind":"PRODUCER","name":"publish chat.*",
        "timestamp":1700000000000000,"duration":1200,"localEndpoint":{"serviceName":"chat-client"},
        "tags":{"otel.library.name":"dev.natschat.jnats"}},
       {"traceId":"0af7651916cd43dd8448eb211c80319c","parentId":"53995c3f42cd8ad8","id":"00f067aa0ba902b8",
        "name":"map","timestamp":1700000000003000,"localEndpoint":{"serviceName":"persist-worker"},
        "tags":{"span.kind":"internal","otel.status_code":"STATUS_CODE_OK","service.version":"1.0.0"}}]
      """;

  /** As Tempo answers: OTLP in proto3 JSON, ids in base64, the attributes typed. */
  private static final String TEMPO_TRACE =
      """
      {"batches":[
        {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"persist-worker"}},
                                   {"key":"service.version","value":{"stringValue":"1.0.0"}}]},
         "scopeSpans":[{"scope":{"name":"dev.natschat.jnats"},"spans":[
           {"traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"U5lcP0LNitg=","parentSpanId":"APBnqgupArc=",
            "name":"process chat.*","kind":"SPAN_KIND_CONSUMER",
            "startTimeUnixNano":"1700000000001500000","endTimeUnixNano":"1700000000017600000",
            "attributes":[{"key":"messaging.system","value":{"stringValue":"nats"}},
                          {"key":"messaging.message.body.size","value":{"intValue":"61"}},
                          {"key":"messaging.list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":"b"}]}}}],
            "events":[{"timeUnixNano":"1700000000002000000","name":"exception",
                       "attributes":[{"key":"exception.type","value":{"stringValue":"java.io.IOException"}},
                                     {"key":"exception.message","value":{"stringValue":"a|b"}}]},
                      {"timeUnixNano":"1700000000002000000","name":"woke up"}],
            "links":[{"traceId":"AAAAAAAAAAAAAAAAAAAAoQ==","spanId":"APBnqgupArk="},
                     {"traceId":"S/kvNXezTaajzpKdDg5HNg==","spanId":"APBnqgupAro="},
                     {"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902bb"}],
            "status":{"message":"broken","code":"STATUS_CODE_ERROR"}}]},
          {"scope":{},"spans":[
           {"traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"APBnqgupArg=","parentSpanId":"U5lcP0LNitg=",
            "name":"map","kind":"SPAN_KIND_INTERNAL","startTimeUnixNano":"1700000000003000000",
            "endTimeUnixNano":"1700000000003000000","status":{"code":"STATUS_CODE_OK"}}]}]},
        {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"chat-client"}}]},
         "scopeSpans":[{"scope":{"name":"dev.natschat.jnats"},"spans":[
           {"traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"APBnqgupArc=","name":"publish chat.*",
            "kind":"SPAN_KIND_PRODUCER","startTimeUnixNano":"1700000000000000000",
            "endTimeUnixNano":"1700000000001200000","status":{}}]}]}]}
      """;

  private final CannedServer server = new CannedServer();

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void zipkinGivesTheWholeModel() {
    Trace trace = zipkin().answers("/api/v2/trace/" + ID, ZIPKIN_TRACE).read();

    assertThat(trace).isEqualTo(expected());
  }

  @Test
  void tempoGivesTheSameModel() {
    Trace trace = tempo().answers("/api/traces/" + ID, TEMPO_TRACE).read();

    assertThat(trace).isEqualTo(expected());
  }

  @Test
  void tempoIsReadInTheShapesOfItsSecondApiToo() {
    String second =
        "{\"trace\":"
            + TEMPO_TRACE.replace("batches", "resourceSpans").replace("SPAN_KIND_CONSUMER", "5")
            + "}";

    assertThat(tempo().answers("/api/traces/" + ID, second).read()).isEqualTo(expected());
  }

  @Test
  void anUnknownTraceIsEmptyWithEither() {
    assertThat(zipkin().open().trace(ID)).isEmpty();
    assertThat(tempo().open().trace(ID)).isEmpty();
  }

  @Test
  void leadingZerosMayBeMissing() {
    zipkin().answers("/api/v2/trace/000000000000000000000000000000a1", ZIPKIN_TRACE);

    assertThat(TraceReader.open(server.addresses()).trace("A1")).isPresent();
  }

  @Test
  void whatIsNoTraceIdIsSaid() {
    TraceReader reader = zipkin().open();

    assertThatThrownBy(() -> reader.trace("../secret"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("\"../secret\" is no trace id: expected up to 32 hexadecimal digits");
    assertThatThrownBy(() -> reader.trace(ID + "0")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void zipkinSearchLowerCasesNamesAndSortsNewestFirst() {
    zipkin()
        .answers(
            "/api/v2/traces",
            """
            [[{"traceId":"a1","id":"b1","timestamp":1000}],[],[{"traceId":"a2","id":"b2","timestamp":2000}]]""");

    List<String> found =
        TraceReader.open(server.addresses())
            .search(
                new TraceQuery(
                    "Chat-Client",
                    "publish CHAT.*",
                    Map.of("messaging.system", "nats"),
                    Duration.ofMinutes(1),
                    7));

    assertThat(found)
        .containsExactly("000000000000000000000000000000a2", "000000000000000000000000000000a1");
    assertThat(server.queries)
        .last()
        .isEqualTo(
            "serviceName=chat-client&spanName=publish chat.*&annotationQuery=messaging.system=nats&lookback=60000&limit=7");
  }

  @Test
  void tempoSearchAsksInTraceQlAndSortsNewestFirst() {
    tempo()
        .answers(
            "/api/search",
            """
            {"traces":[{"traceID":"a1","startTimeUnixNano":"999"},{"traceID":"a2","startTimeUnixNano":"1000"}]}""");

    List<String> found =
        TraceReader.open(server.addresses())
            .search(TraceQuery.spanNamed("say \"hi\"", Duration.ofMinutes(1), 7));

    assertThat(found)
        .containsExactly("000000000000000000000000000000a2", "000000000000000000000000000000a1");
    assertThat(server.queries)
        .last()
        .asString()
        .contains("q={ name = \"say \\\"hi\\\"\" } with (most_recent=true)");
  }

  @Test
  void neitherStoreAnsweringIsSaidWithWhatToDo() {
    Addresses nowhere = server.addresses();
    server.close();

    assertThatThrownBy(() -> TraceReader.open(nowhere))
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("neither Tempo at http://127.0.0.1:")
        .hasMessageContaining("make up");
  }

  private static Trace expected() {
    Span process =
        new Span(
            ID,
            "53995c3f42cd8ad8",
            "00f067aa0ba902b7",
            "persist-worker",
            "dev.natschat.jnats",
            "process chat.*",
            Span.Kind.CONSUMER,
            1700000000001500000L,
            16_100_000L,
            true,
            "broken",
            Map.of(
                "messaging.system", "nats",
                "messaging.message.body.size", "61",
                "messaging.list", "[\"a\",\"b\"]",
                "service.version", "1.0.0"),
            List.of(
                new Span.Event(
                    "exception",
                    Map.of("exception.type", "java.io.IOException", "exception.message", "a|b")),
                new Span.Event("woke up", Map.of())),
            List.of(
                new Span.Link("000000000000000000000000000000a1", "00f067aa0ba902b9"),
                new Span.Link("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902ba"),
                new Span.Link("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902bb")));
    Span publish =
        new Span(
            ID,
            "00f067aa0ba902b7",
            null,
            "chat-client",
            "dev.natschat.jnats",
            "publish chat.*",
            Span.Kind.PRODUCER,
            1700000000000000000L,
            1_200_000L,
            false,
            "",
            Map.of(),
            List.of(),
            List.of());
    Span map =
        new Span(
            ID,
            "00f067aa0ba902b8",
            "53995c3f42cd8ad8",
            "persist-worker",
            "",
            "map",
            Span.Kind.INTERNAL,
            1700000000003000000L,
            0,
            false,
            "",
            Map.of("service.version", "1.0.0"),
            List.of(),
            List.of());
    return new Trace(ID, List.of(publish, process, map));
  }

  private Store tempo() {
    server.answers("/api/echo", "echo");
    return new Store();
  }

  private Store zipkin() {
    server.answers("/health", "{\"status\":\"UP\"}");
    return new Store();
  }

  private final class Store {
    Store answers(String path, String text) {
      server.answers(path, text);
      return this;
    }

    TraceReader open() {
      return TraceReader.open(server.addresses());
    }

    Trace read() {
      return open().trace(ID).orElseThrow();
    }
  }
}
