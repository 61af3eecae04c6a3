package dev.natschat.agent;

import static io.opentelemetry.javaagent.extension.matcher.AgentElementMatchers.hasClassesNamed;
import static java.util.Arrays.asList;

import io.opentelemetry.javaagent.extension.instrumentation.InstrumentationModule;
import io.opentelemetry.javaagent.extension.instrumentation.TypeInstrumentation;
import io.opentelemetry.javaagent.extension.instrumentation.internal.AgentDistributionConfig;
import io.opentelemetry.javaagent.extension.instrumentation.internal.ExperimentalInstrumentationModule;
import io.opentelemetry.javaagent.extension.instrumentation.internal.ExperimentalInstrumentationModule$VirtualFieldRegistration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import net.bytebuddy.matcher.ElementMatcher;

/** Tracing of jnats: {@code otel.instrumentation.jnats.enabled}. */
public final class JnatsInstrumentationModule extends InstrumentationModule
    implements ExperimentalInstrumentationModule {
  static final List<HookedType> hookedTypes =
      asList(
          new NatsConnectionInstrumentation(),
          new NatsJetStreamInstrumentation(),
          new NatsJetStreamImplInstrumentation(),
          new NatsFeatureBaseInstrumentation(),
          new NatsKeyValueInstrumentation(),
          new NatsObjectStoreInstrumentation(),
          new NatsDispatcherInstrumentation(),
          new JnatsThreadInstrumentation("io.nats.client.impl.NatsConnectionReader"),
          new NatsConnectionWriterInstrumentation(),
          new AsyncMessageHandlerInstrumentation(),
          new NatsSubscriptionInstrumentation(),
          new NatsJetStreamMessageInstrumentation(),
          new NatsRequestCompletableFutureInstrumentation());

  private static final KnownJnats knownJnats = new KnownJnats(hookedTypes);

  public JnatsInstrumentationModule() {
    super("jnats");
  }

  @Override
  public ElementMatcher.Junction<ClassLoader> classLoaderMatcher() {
    return hasClassesNamed("io.nats.client.impl.NatsConnection").and(knownJnats);
  }

  /** None where the built-in module traces jnats: two would make two spans for each message. */
  @Override
  public List<TypeInstrumentation> typeInstrumentations() {
    List<TypeInstrumentation> instrumentations = new ArrayList<>();
    if (AgentDistributionConfig.get()
        .isInstrumentationEnabled(asList("nats", "nats-2.17"), defaultEnabled())) {
      Faults.misconfigured(
          "The agent's own nats module is enabled and traces jnats, so the jnats extension stays"
              + " off. To have the extension instead: -Dotel.instrumentation.nats.enabled=false,"
              + " or, in a declarative configuration file,"
              + " distribution: {javaagent: {instrumentation: {disabled: [nats]}}}");
    } else {
      instrumentations.addAll(hookedTypes);
      instrumentations.addAll(BatchMethodInstrumentation.parse(Settings.get().batchProcessMethods));
    }
    return instrumentations;
  }

  /**
   * Everything that runs in the application's class loader; a test compares this list with the
   * classes.
   */
  @Override
  public List<String> getAdditionalHelperClassNames() {
    String[] simpleNames = {
      "Answer",
      "Batch",
      "CapturedHeaders",
      "Common",
      "CompositePropagator",
      "Connections",
      "Delivery",
      "Destination",
      "Discards",
      "Faults",
      "Hooks",
      "Housekeeping",
      "InjectedHeaders",
      "JnatsLoader",
      "Metrics",
      "Ongoing",
      "Operation",
      "Processing",
      "Propagation",
      "Propagation$HeadersGetter",
      "Propagation$HeadersSetter",
      "Receipt",
      "Retrieval",
      "Semantics",
      "Sending",
      "ServerAddress",
      "Settings",
      "Settlement",
      "Settlement$1",
      "Spans",
      "SubjectPattern",
      "Subjects",
      "TraceParent",
      "TracedHandler",
      "Unacknowledged",
      "Unsettled"
    };
    List<String> names = new ArrayList<>();
    for (String simpleName : simpleNames) {
      names.add("dev.natschat.agent." + simpleName);
    }
    return names;
  }

  /** The signature up to agent 2.31. */
  @Override
  public void registerVirtualFields(BiConsumer<String, String> registrar) {
    registrar.accept("io.nats.client.impl.NatsMessage", "dev.natschat.agent.Delivery");
    registrar.accept("io.nats.client.impl.NatsJetStreamMetaData", "dev.natschat.agent.Delivery");
    registrar.accept(
        "io.nats.client.support.NatsRequestCompletableFuture", "dev.natschat.agent.Sending");
    registrar.accept(
        "io.nats.client.impl.NatsJetStreamSubscription", "dev.natschat.agent.Unacknowledged");
    registrar.accept("io.nats.client.Connection", "dev.natschat.agent.ServerAddress");
  }

  /** The signature since agent 2.32. */
  @SuppressWarnings("overloads")
  public void registerVirtualFields(
      ExperimentalInstrumentationModule$VirtualFieldRegistration registration) {
    registerVirtualFields((BiConsumer<String, String>) registration::register);
  }
}
