package dev.natschat.observer;

import static dev.natschat.observer.Statistics.ACCOUNT;
import static dev.natschat.observer.Statistics.CLUSTER;
import static dev.natschat.observer.Statistics.CONSUMER;
import static dev.natschat.observer.Statistics.SERVER;
import static dev.natschat.observer.Statistics.STREAM;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.opentelemetry.api.common.Attributes;
import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class StatisticsTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Attributes N1 = Attributes.of(SERVER, "n1", CLUSTER, "c");
  private static final Attributes CHAT = Attributes.of(CLUSTER, "c", ACCOUNT, "CHAT");
  private static final Attributes T = CHAT.toBuilder().put(STREAM, "T").build();

  private final Statistics statistics = new Statistics(new Counters(() -> 0));
  private final Measurements measurements = new Measurements();

  @Test
  void aServerInNoClusterIsAClusterOfItsOwn() throws IOException {
    read(Question.VARZ, "{'server':{'name':'alone','id':'A'},'data':{'mem':7}}");
    assertThat(measurements.of(Metric.SERVER_MEMORY))
        .isEqualTo(Map.of(Attributes.of(SERVER, "alone", CLUSTER, "alone"), 7.0));
  }

  @Test
  void aServersAgeIsReadFromItsOwnClock() throws IOException {
    data(
        Question.VARZ,
        "n1",
        "{'start':'2026-11-23T02:31:41.500000000Z','now':'2026-11-23T02:32:11.500000000Z','cpu':150}");
    assertThat(measurements.of(Metric.SERVER_START_TIME).get(N1)).isEqualTo(1795401101.5);
    assertThat(measurements.of(Metric.SERVER_UPTIME)).isEqualTo(Map.of(N1, 30.0));
    assertThat(measurements.of(Metric.SERVER_CPU)).isEqualTo(Map.of(N1, 1.5));
  }

  @Test
  void whatAnAnswerLacksIsNoSeries() throws IOException {
    data(Question.VARZ, "n1", "{'mem':7}");
    for (Metric metric : Metric.values()) {
      assertThat(measurements.of(metric).isEmpty())
          .as("%s", metric)
          .isEqualTo(metric != Metric.SERVER_MEMORY);
    }
  }

  @Test
  void onlyTheLeaderTellsOfAStream() throws IOException {
    streamOn("n1", "n2", 999);
    streamOn("n2", "n2", 20);
    streamOn("n3", "n2", 998);
    assertThat(measurements.of(Metric.STREAM_MESSAGES)).isEqualTo(Map.of(T, 20.0));
    assertThat(measurements.of(Metric.STREAM_LEADERS)).isEqualTo(Map.of(T, 1.0));
  }

  @Test
  void aStreamWithoutALeaderIsSaidToHaveNone() throws IOException {
    streamOn("n1", "", 20);
    streamOn("n2", "", 20);
    assertThat(measurements.of(Metric.STREAM_MESSAGES)).isEmpty();
    assertThat(measurements.of(Metric.STREAM_LEADERS)).isEqualTo(Map.of(T, 0.0));
  }

  private void streamOn(String server, String leader, int messages) throws IOException {
    data(
        Question.JSZ,
        server,
        "{'account_details':[{'name':'CHAT','stream_detail':[{'name':'T','cluster':{'leader':'%s'},'state':{'messages':%d}}]}]}"
            .formatted(leader, messages));
  }

  /** Its leader is not always the stream's. */
  @Test
  void onlyItsLeaderTellsOfAConsumer() throws IOException {
    consumerOn("n1", "n2", 15);
    consumerOn("n2", "n2", 14);
    assertThat(measurements.of(Metric.CONSUMER_PENDING))
        .isEqualTo(Map.of(T.toBuilder().put(CONSUMER, "d").build(), 14.0));
  }

  private void consumerOn(String server, String leader, int pending) throws IOException {
    data(
        Question.JSZ,
        server,
        ("{'account_details':[{'name':'CHAT','stream_detail':[{'name':'T','cluster':{'leader':'n1'},"
                + "'consumer_detail':[{'name':'d','config':{'durable_name':'d'},'num_pending':%d,'cluster':{'leader':'%s'}}]}]}]}")
            .formatted(pending, leader));
  }

  @Test
  void consumersWithRandomNamesAreOneSeries() throws IOException {
    data(
        Question.JSZ,
        "n1",
        "{'account_details':[{'name':'CHAT','stream_detail':[{'name':'T','consumer_detail':["
            + "{'name':'x1','config':{'name':'x1'},'num_pending':3,'delivered':{'consumer_seq':5}},"
            + "{'name':'x2','config':{'name':'x2'},'num_pending':4,'delivered':{'consumer_seq':5}}]}]}]}");
    assertThat(measurements.of(Metric.CONSUMER_PENDING))
        .isEqualTo(Map.of(T.toBuilder().put(CONSUMER, Statistics.EPHEMERAL).build(), 7.0));
    assertThat(measurements.of(Metric.CONSUMER_DELIVERIES)).isEmpty();
  }

  /** 18446744073709551615 is -1 where nats-server holds it as an unsigned number. */
  @ParameterizedTest
  @ValueSource(strings = {"-1", "0", "18446744073709551615"})
  void noLimitIsNoSeries(String none) throws IOException {
    data(
        Question.JSZ,
        "n1",
        "{'account_details':[{'name':'CHAT','reserved_storage':%1$s,'stream_detail':[{'name':'T','config':{'max_bytes':%1$s}}]}]}"
            .formatted(none));
    assertThat(measurements.of(Metric.ACCOUNT_STORAGE_LIMIT)).isEmpty();
    assertThat(measurements.of(Metric.STREAM_BYTES_LIMIT)).isEmpty();
  }

  @Test
  void anAccountsStorageIsTheWholeClustersOnce() throws IOException {
    for (String server : new String[] {"n1", "n2"}) {
      data(
          Question.JSZ,
          server,
          "{'account_details':[{'name':'CHAT','storage':760,'reserved_storage':2000}]}");
    }
    assertThat(measurements.of(Metric.ACCOUNT_STORAGE)).isEqualTo(Map.of(CHAT, 760.0));
    assertThat(measurements.of(Metric.ACCOUNT_STORAGE_LIMIT)).isEqualTo(Map.of(CHAT, 2000.0));
  }

  @Test
  void whatServersPassOnAmongThemselvesIsNotCountedForAnAccount() throws IOException {
    String account =
        "{'account_statz':[{'acc':'CHAT','received':{'msgs':%d,'bytes':0,"
            + "'routes':{'msgs':%d},'gateways':{'msgs':5},'leafs':{'msgs':1}}}]}";
    data(Question.ACCOUNTS, "n1", account.formatted(100, 40));
    data(Question.ACCOUNTS, "n1", account.formatted(100 + 30 + 9, 40 + 30));
    assertThat(measurements.of(Metric.ACCOUNT_MESSAGES_RECEIVED))
        .isEqualTo(Map.of(N1.toBuilder().put(ACCOUNT, "CHAT").build(), 9.0));
  }

  @Test
  void aServerWithoutJetStreamHasNoneOfItsMetrics() throws IOException {
    data(Question.JSZ, "n1", "{'disabled':true,'storage':0,'memory':0}");
    assertThat(measurements.of(Metric.JETSTREAM_STORAGE)).isEmpty();
  }

  /** Whatever is in it, an answer of the right outline is read without an exception. */
  @ParameterizedTest
  @EnumSource
  void oddContentIsLeftOut(Question question) throws IOException {
    for (String odd : new String[] {"1", "'x'", "null", "[]", "{}", "[1]", "['x',{}]", "true"}) {
      data(
          question,
          "n1",
          ("{'start':#,'now':#,'cpu':#,'mem':#,'in_client_msgs':#,'gateways':#,'connections':#,'api':#,"
                  + "'account_statz':#,'account_details':[#,{'name':#,'storage':#,'stream_detail':#},"
                  + "{'name':'CHAT','stream_detail':[#,{'name':#,'cluster':#,'state':#,'config':#,'consumer_detail':[#,{'config':#,'cluster':#}]}]}]}")
              .replace("#", odd));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        "1",
        "{'server':'n1','data':{}}",
        "{'server':{'name':'n1'},'data':{}}",
        "{'server':{'name':'n1','id':'A'}}",
        "{'server':{'name':'n1','id':'A'},'data':[]}",
        "{'server':{'name':'n1','id':'A'},'data':{},'error':{'code':400}}"
      })
  void whatIsNoAnswerIsRefused(String json) {
    assertThatThrownBy(() -> read(Question.VARZ, json)).isInstanceOf(IOException.class);
  }

  private void data(Question question, String server, String data) throws IOException {
    read(
        question,
        "{'server':{'name':'%s','id':'%s-id','cluster':'c'},'%s':%s}"
            .formatted(server, server, question.field, data));
  }

  private void read(Question question, String json) throws IOException {
    statistics.read(Answer.of(question, JSON.readTree(json.replace('\'', '"'))), measurements);
  }
}
