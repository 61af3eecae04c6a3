package dev.natschat.benchmarks;

import static java.util.Objects.requireNonNull;

import io.nats.client.Connection;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.DoubleStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What tracing costs the thread that calls jnats: without it, built in, ours, and by hand. */
@Command(
    name = "extension",
    mixinStandardHelpOptions = true,
    description = "the agent extension beside the built-in module and spans by hand")
@SuppressWarnings("try") // closing a jnats connection may be interrupted, and is here not
final class ExtensionCost implements Callable<Integer> {
  private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");
  private static final Path AGENT = Path.of("agent-extension/target/opentelemetry-javaagent.jar");
  private static final Path EXTENSION = Path.of("agent-extension/target/agent-extension.jar");
  private static final Path THIS = Path.of("benchmarks/target/benchmarks.jar");

  @Option(
      names = "--rounds",
      defaultValue = "3",
      description = "of which the median counts, default: ${DEFAULT-VALUE}")
  private int rounds;

  @Option(
      names = "--seconds",
      defaultValue = "1",
      description = "to warm up and to measure each operation, default: ${DEFAULT-VALUE}")
  private int seconds;

  @Option(names = "--only", description = "the name of a variant, may be repeated; default: all")
  private List<String> only = new ArrayList<>();

  @Option(names = "--jvm", description = "an option for the measured JVMs, such as a profiler's")
  private List<String> jvm = new ArrayList<>();

  /** Of one operation, on the thread that calls jnats or that jnats calls. */
  record Cost(double nanos, double bytes) {}

  /** One kind of JVM; {@code byHand} is what the program itself does. */
  private record Variant(String name, String byHand, List<String> arguments) {}

  private static final String OFF = "-Dotel.instrumentation.nats.enabled=false";
  private static final String ALL_OFF = "-Dotel.instrumentation.common.default-enabled=false";
  private static final String BUILT_IN = "-Dotel.instrumentation.nats.enabled=true";
  private static final String OURS = "-Dotel.instrumentation.jnats.enabled=true";
  private static final String TEMPLATES =
      "-Dotel.instrumentation.jnats.destination-templates=bench.*,published.*,delivered.*,pulled.*";
  private static final String METRICS = "-Dotel.metrics.exporter=console";

  private static List<Variant> variants() {
    List<Variant> variants = new ArrayList<>();
    variants.add(new Variant("no agent", "none", List.of()));
    variants.add(agent("agent, nats off", false, "always_on", OFF));
    variants.add(
        agent(
            "ours, enabled=false",
            true,
            "always_on",
            OFF,
            "-Dotel.instrumentation.jnats.enabled=false"));
    for (String sampler : List.of("parentbased_always_on", "always_off")) {
      boolean sampled = !sampler.equals("always_off");
      String suffix = sampled ? "" : ", unsampled";
      variants.add(new Variant("by hand" + suffix, sampled ? "sampled" : "unsampled", List.of()));
      variants.add(agent("built in" + suffix, false, sampler, BUILT_IN));
      variants.add(agent("built in, metrics read" + suffix, false, sampler, BUILT_IN, METRICS));
      variants.add(agent("ours" + suffix, true, sampler, OURS, TEMPLATES));
      variants.add(agent("ours, metrics read" + suffix, true, sampler, OURS, TEMPLATES, METRICS));
    }
    return variants;
  }

  private static Variant agent(
      String name, boolean extension, String sampler, String... arguments) {
    List<String> all = new ArrayList<>();
    all.add("-javaagent:" + AGENT);
    all.add("-Dotel.javaagent.extensions=" + THIS + (extension ? "," + EXTENSION : ""));
    all.add("-Dotel.javaagent.logging=none");
    all.add("-Dotel.traces.exporter=discard");
    all.add("-Dotel.bsp.max.queue.size=" + DiscardingExporterProvider.QUEUE);
    all.add("-Dotel.metrics.exporter=none");
    all.add("-Dotel.metric.export.interval=3600000");
    all.add("-Dotel.logs.exporter=none");
    all.add("-Dotel.traces.sampler=" + sampler);
    all.add(ALL_OFF);
    all.addAll(List.of(arguments));
    return new Variant(name, "none", all);
  }

  @Override
  public Integer call() throws Exception {
    List<Variant> variants =
        variants().stream()
            .filter(variant -> only.isEmpty() || only.contains(variant.name()))
            .toList();
    Map<String, Map<String, List<Cost>>> costs = new LinkedHashMap<>();
    for (int round = 1; round <= rounds; round++) {
      for (Variant variant : variants) {
        Machine.alone(
            "round " + round + " of " + rounds + ": " + variant.name(),
            directory ->
                run(variant, directory)
                    .forEach(
                        (operation, cost) ->
                            costs
                                .computeIfAbsent(variant.name(), key -> new LinkedHashMap<>())
                                .computeIfAbsent(operation, key -> new ArrayList<>())
                                .add(cost)));
      }
    }
    Map<String, Map<String, Cost>> medians = new LinkedHashMap<>();
    costs.forEach(
        (variant, operations) -> {
          Map<String, Cost> of = new LinkedHashMap<>();
          operations.forEach((operation, all) -> of.put(operation, median(all)));
          medians.put(variant, of);
        });
    print(medians);
    return 0;
  }

  private Map<String, Cost> run(Variant variant, Path directory)
      throws IOException, InterruptedException {
    try (Broker broker = Broker.start(directory);
        Connection responder = broker.connect()) {
      responder
          .createDispatcher(message -> responder.publish(message.getReplyTo(), message.getData()))
          .subscribe("bench.ask");
      List<String> command = new ArrayList<>();
      command.add(JAVA.toString());
      command.addAll(List.of("-Xmx512m", "-XX:+UseSerialGC"));
      command.addAll(jvm);
      command.addAll(variant.arguments());
      command.addAll(List.of("-cp", THIS.toString(), Operations.class.getName(), broker.url()));
      command.addAll(List.of(variant.byHand(), String.valueOf(seconds)));
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      Map<String, Cost> results = read(process);
      if (process.waitFor() != 0) {
        throw new IOException(variant.name() + " ended with " + process.exitValue());
      }
      return results;
    }
  }

  private static Map<String, Cost> read(Process process) throws IOException {
    Map<String, Cost> results = new LinkedHashMap<>();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      String line;
      while ((line = lines.readLine()) != null) {
        String[] words = line.split(" ");
        if (line.matches("[a-zA-Z ]+ [0-9.E]+ [0-9.E]+")) {
          String name = String.join(" ", List.of(words).subList(0, words.length - 2));
          results.put(
              name,
              new Cost(
                  Double.parseDouble(words[words.length - 2]),
                  Double.parseDouble(words[words.length - 1])));
        }
      }
    }
    return results;
  }

  private static void print(Map<String, Map<String, Cost>> costs) {
    Set<String> operations = costs.values().iterator().next().keySet();
    header("ns, bytes", operations);
    costs.forEach(
        (variant, of) -> {
          System.out.print("| " + variant + " |");
          of.values()
              .forEach(
                  cost ->
                      System.out.printf(
                          Locale.ROOT, " %,.0f, %,.0f |", cost.nanos(), cost.bytes()));
          System.out.println();
        });
    System.out.println();
    header("ratios: ns, bytes", operations);
    compare(costs, "ours", "built in");
    compare(costs, "ours, metrics read", "built in, metrics read");
    compare(costs, "ours, unsampled", "built in, unsampled");
    compare(costs, "ours, metrics read, unsampled", "built in, metrics read, unsampled");
    compare(costs, "ours", "by hand");
    compare(costs, "ours, metrics read", "by hand");
    compare(costs, "ours, unsampled", "by hand, unsampled");
    compare(costs, "agent, nats off", "no agent");
    compare(costs, "ours, enabled=false", "no agent");
    compare(costs, "ours", "no agent");
    compare(costs, "built in", "no agent");
  }

  private static void header(String first, Set<String> operations) {
    System.out.println("| " + first + " | " + String.join(" | ", operations) + " |");
    System.out.println("|---".repeat(operations.size() + 1) + "|");
  }

  private static void compare(
      Map<String, Map<String, Cost>> costs, String variant, String yardstick) {
    Map<String, Cost> of = costs.get(variant);
    Map<String, Cost> other = costs.get(yardstick);
    if (of == null || other == null) {
      return; // left out by --only
    }
    System.out.print("| " + variant + " / " + yardstick + " |");
    of.forEach(
        (operation, cost) -> {
          Cost than = requireNonNull(other.get(operation));
          System.out.printf(
              Locale.ROOT,
              " %.2f, %.2f |",
              cost.nanos() / than.nanos(),
              cost.bytes() / than.bytes());
        });
    System.out.println();
  }

  private static Cost median(List<Cost> costs) {
    return new Cost(
        median(costs.stream().mapToDouble(Cost::nanos)),
        median(costs.stream().mapToDouble(Cost::bytes)));
  }

  private static double median(DoubleStream values) {
    double[] sorted = values.sorted().toArray();
    return sorted[sorted.length / 2];
  }
}
