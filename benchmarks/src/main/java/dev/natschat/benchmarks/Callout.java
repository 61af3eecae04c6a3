package dev.natschat.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * How fast clients are let in and refused, beside nats-server with the cheapest responder that
 * there can be.
 */
final class Callout {
  static final List<String> JVM =
      List.of(
          "-Xms96m",
          "-Xmx96m",
          "-XX:TieredStopAtLevel=1",
          "-Djava.library.path=auth-service/target/lib");

  /** As auth-service does it: BouncyCastle leaves what it unpacks when its process is killed. */
  private static final List<String> RESPONDER_JVM =
      Stream.concat(JVM.stream(), Stream.of("-Dorg.bouncycastle.native.cpu_variant=java")).toList();

  private static final String YARDSTICK = "yardstick";
  private static final int[] AT_ONCE = {1, 16, 64};
  private static final int COLD_STORM = 500;
  private final Table table =
      new Table(
          "auth-service lets clients in",
          "connects/s",
          "of the yardstick's",
          "of no agent's",
          "p50 ms",
          "p99 ms",
          "refused",
          "service CPU us",
          "nats-server CPU us",
          "client CPU us",
          "service peak RSS MiB",
          "spans/connect");
  private final Table refusals =
      new Table(
          "auth-service refuses, every trace kept, one at a time",
          "refused",
          "p50 ms",
          "p99 ms",
          "max ms",
          "service CPU us");

  private final int connects;
  private final List<Tracing> tracings;
  private final List<String> jvm;
  private final Map<String, Double> yardstickRates = new LinkedHashMap<>();
  private final Map<String, Double> untracedRates = new LinkedHashMap<>();

  /**
   * @param connects of each number at once, and refusals of each kind: of 1,500 the p99 is not the
   *     longest, and a tick of Linux' 10 ms of CPU is 7 us of each
   */
  Callout(int connects, List<Tracing> tracings, List<String> jvm) {
    this.tracings = tracings;
    this.jvm = jvm.isEmpty() ? JVM : jvm;
    this.connects = connects;
  }

  void round() throws Exception {
    try (Realm realm = new Realm()) {
      List<String> tokens = tokens(realm, COLD_STORM + AT_ONCE.length * connects);
      Machine.alone("callout: yardstick", directory -> yardstick(tokens, directory));
      for (Tracing tracing : tracings) {
        Machine.alone(
            "callout: " + tracing.label(), directory -> service(tracing, realm, tokens, directory));
      }
    }
  }

  String markdown() {
    return table.markdown()
        + "\n\n"
        + String.format(
            "%,d connects each, from the TCP connection to PONG, every token new; known: all of"
                + " them once more. The cold storm is %d clients at once, at a service that has"
                + " been ready for no time.%n",
            connects, COLD_STORM)
        + refusals.markdown();
  }

  static List<String> tokens(Realm realm, int count) throws GeneralSecurityException {
    List<String> tokens = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      tokens.add(realm.token("user-" + i));
    }
    return tokens;
  }

  private void yardstick(List<String> tokens, Path directory) throws Exception {
    try (TraceSink sink = TraceSink.start(directory);
        Broker broker = Broker.startWithCallout(directory, false);
        ServiceProcess responder =
            ServiceProcess.startOwn(
                CheapestResponder.class,
                RESPONDER_JVM,
                List.of(broker.url(), directory.resolve("secrets").toString()),
                directory)) {
      responder.awaitReady();
      storms(YARDSTICK, yardstickRates, tokens, broker, responder, sink);
    }
  }

  private void service(Tracing tracing, Realm realm, List<String> tokens, Path directory)
      throws Exception {
    try (TraceSink sink = TraceSink.start(directory);
        Broker broker = Broker.startWithCallout(directory, true);
        ServiceProcess service = start(tracing, jvm, realm, broker, sink, directory)) {
      service.awaitReady();
      storms(
          tracing.label(),
          tracing == Tracing.OFF ? untracedRates : Map.of(),
          tokens,
          broker,
          service,
          sink);
      List<String> known = tokens.subList(tokens.size() - connects, tokens.size());
      storm("64 at once, known", tracing.label(), Map.of(), known, 64, broker, service, sink);
      if (tracing == Tracing.ALWAYS) {
        refuse(realm, broker, service);
      }
      tracing.check(sink.spans());
      service.stop();
    }
  }

  static ServiceProcess start(
      Tracing tracing, List<String> jvm, Realm realm, Broker broker, TraceSink sink, Path directory)
      throws IOException {
    Path secrets = directory.resolve("secrets");
    return ServiceProcess.start(
        "auth-service",
        jvm,
        tracing,
        sink,
        Map.of(
            "NATS_URL", broker.url(),
            "NATS_USER", "auth",
            "NATS_PASS_FILE", secrets.resolve("nats-auth-password").toString(),
            "KEYCLOAK_URL", realm.url(),
            "KEYCLOAK_REALM", Realm.NAME,
            "ISSUER_NKEY_SEED_FILE", secrets.resolve("issuer-nkey-seed").toString(),
            "XKEY_SEED_FILE", secrets.resolve("xkey-seed").toString()),
        directory);
  }

  private void storms(
      String who,
      Map<String, Double> rates,
      List<String> tokens,
      Broker broker,
      ServiceProcess service,
      TraceSink sink)
      throws Exception {
    int first = COLD_STORM;
    storm(
        "cold storm of 500",
        who,
        rates,
        tokens.subList(0, first),
        COLD_STORM,
        broker,
        service,
        sink);
    for (int atOnce : AT_ONCE) {
      List<String> next = tokens.subList(first, first + connects);
      storm(atOnce + " at once", who, rates, next, atOnce, broker, service, sink);
      first += connects;
    }
  }

  /**
   * @param rates where the rate is kept for comparison, unless immutable
   */
  private void storm(
      String what,
      String who,
      Map<String, Double> rates,
      List<String> tokens,
      int atOnce,
      Broker broker,
      ServiceProcess service,
      TraceSink sink)
      throws Exception {
    long spans = sink.spans();
    Duration own = service.cpu();
    Duration broking = broker.cpu();
    Storm.Outcome storm = Storm.of(broker.url(), tokens, atOnce);
    double serviceCpu = per(storm.all(), service.cpu().minus(own));
    double brokerCpu = per(storm.all(), broker.cpu().minus(broking));
    double rate = storm.admitted() / storm.seconds();
    if (rates instanceof LinkedHashMap) {
      rates.put(what, rate);
    }
    if (!who.equals(YARDSTICK) && !who.equals(Tracing.OFF.label())) {
      TimeUnit.SECONDS.sleep(6); // the processor's delay: what was made is exported
    }
    table.add(
        what + ", " + who,
        rate,
        rate / yardstickRates.getOrDefault(what, Double.NaN),
        rate / untracedRates.getOrDefault(what, Double.NaN),
        storm.latencies().millis(0.5),
        storm.latencies().millis(0.99),
        storm.refused(),
        serviceCpu,
        brokerCpu,
        storm.cpuNanos() / 1e3 / storm.all(),
        service.peakMebibytes(),
        (sink.spans() - spans) / (double) storm.all());
  }

  private void refuse(Realm realm, Broker broker, ServiceProcess service) throws Exception {
    String good = realm.token("eve");
    String none = Realm.encode("{\"alg\":\"none\"}");
    Map<String, String> tokens = new LinkedHashMap<>();
    tokens.put("no token", "");
    tokens.put("garbage", "garbage");
    tokens.put(
        "algorithm none", none + good.substring(good.indexOf('.'), good.lastIndexOf('.') + 1));
    tokens.put("expired", realm.token("eve", "first", -5, realm.key()));
    tokens.put("forged", realm.token("eve", "first", 300, Realm.newKey()));
    tokens.put("of an unknown key", realm.token("eve", "other", 300, Realm.newKey()));
    for (Map.Entry<String, String> token : tokens.entrySet()) {
      Duration own = service.cpu();
      Storm.Outcome storm =
          Storm.of(broker.url(), Collections.nCopies(connects, token.getValue()), 1);
      refusals.add(
          token.getKey(),
          storm.refused(),
          storm.latencies().millis(0.5),
          storm.latencies().millis(0.99),
          storm.latencies().millis(1),
          per(storm.all(), service.cpu().minus(own)));
    }
  }

  /** In us. */
  private static double per(int operations, Duration cpu) {
    return cpu.toNanos() / 1e3 / operations;
  }
}
