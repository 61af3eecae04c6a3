package dev.natschat.agent;

import static net.bytebuddy.matcher.ElementMatchers.isAbstract;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.namedOneOf;
import static net.bytebuddy.matcher.ElementMatchers.not;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import io.opentelemetry.javaagent.extension.instrumentation.TypeInstrumentation;
import io.opentelemetry.javaagent.extension.instrumentation.TypeTransformer;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.type.TypeDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner.Typing;
import net.bytebuddy.matcher.ElementMatcher;
import org.jspecify.annotations.Nullable;

/**
 * The application's methods that take a list of messages, or one message, as their first argument.
 */
final class BatchMethodInstrumentation implements TypeInstrumentation {
  private static final Pattern classAndMethods =
      Pattern.compile("\\s*([^\\[\\s,]+)\\[([^]]+)]\\s*");

  private final String className;
  final String[] methodNames;

  private BatchMethodInstrumentation(String className, String[] methodNames) {
    this.className = className;
    this.methodNames = methodNames;
  }

  /**
   * Reads {@code pkg.Class[method,method];pkg.Other[method]}, the syntax of the agent's methods
   * instrumentation; the agent has split it at commas already.
   */
  static List<TypeInstrumentation> parse(List<String> configured) {
    List<TypeInstrumentation> instrumentations = new ArrayList<>();
    for (String entry : String.join(",", configured).split(";", -1)) {
      Matcher matcher = classAndMethods.matcher(entry);
      if (matcher.matches()) {
        String[] methods = matcher.group(2).trim().split("\\s*,\\s*", -1);
        instrumentations.add(new BatchMethodInstrumentation(matcher.group(1), methods));
      } else if (!entry.trim().isEmpty()) {
        Faults.misconfigured(
            "otel.instrumentation.jnats.batch-process-methods: expected pkg.Class[method], found "
                + entry);
      }
    }
    return instrumentations;
  }

  @Override
  public ElementMatcher<TypeDescription> typeMatcher() {
    return named(className);
  }

  @Override
  public void transform(TypeTransformer transformer) {
    transformer.applyAdviceToMethod(
        namedOneOf(methodNames)
            .and(not(isAbstract()))
            .and(
                takesArgument(
                    0,
                    namedOneOf(
                        "java.util.List",
                        "java.util.Collection",
                        "java.lang.Iterable",
                        "io.nats.client.Message"))),
        ProcessBatch.class.getName());
  }

  public static final class ProcessBatch {
    private ProcessBatch() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Object onEnter(
        @Advice.Argument(value = 0, typing = Typing.DYNAMIC) @Nullable Object messages) {
      return Hooks.batchBegins(messages);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter @Nullable Object begun, @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.batchEnds(begun, thrown);
    }
  }
}
