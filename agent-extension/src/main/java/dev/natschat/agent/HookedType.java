package dev.natschat.agent;

import static net.bytebuddy.matcher.ElementMatchers.hasSuperType;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.returns;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import io.opentelemetry.javaagent.extension.instrumentation.TypeInstrumentation;
import io.opentelemetry.javaagent.extension.instrumentation.TypeTransformer;
import java.util.LinkedHashMap;
import java.util.Map;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.description.type.TypeDescription;
import net.bytebuddy.matcher.ElementMatcher;
import net.bytebuddy.matcher.ElementMatchers;

/**
 * A jnats type and the methods of it that are hooked: one list, used to transform and to recognise
 * a jnats. What an advice takes from its method must be told here, else it fails when it is too
 * late to be off as a whole.
 */
abstract class HookedType implements TypeInstrumentation {
  final String typeName;
  final Map<String, ElementMatcher.Junction<MethodDescription>> methods = new LinkedHashMap<>();

  /** Names of fields, each with a type that it must have or extend. */
  final Map<String, String> fields = new LinkedHashMap<>();

  private final Map<ElementMatcher<MethodDescription>, String> advices = new LinkedHashMap<>();

  HookedType(String typeName) {
    this.typeName = typeName;
  }

  /**
   * Hooks the method, or {@code <init>}, that takes these arguments first, whatever follows them.
   */
  final void hook(Class<?> advice, String method, String... leadingArguments) {
    hook(advice, ElementMatchers.any(), method, leadingArguments);
  }

  /** The advice takes what the method returns as this type. */
  final void hookResult(String result, Class<?> advice, String method, String... leadingArguments) {
    hook(advice, returns(hasSuperType(named(result))), method, leadingArguments);
  }

  private void hook(
      Class<?> advice,
      ElementMatcher<MethodDescription> more,
      String method,
      String... leadingArguments) {
    ElementMatcher.Junction<MethodDescription> matcher =
        method.equals("<init>") ? ElementMatchers.isConstructor() : named(method);
    for (int i = 0; i < leadingArguments.length; i++) {
      matcher = matcher.and(takesArgument(i, named(leadingArguments[i])));
    }
    String signature = method + "(" + String.join(", ", leadingArguments) + ")";
    matcher = matcher.and(more);
    methods.put(signature, matcher);
    advices.put(matcher, advice.getName());
  }

  /** An advice reads the field. */
  final void reads(String field, String type) {
    fields.put(field, type);
  }

  @Override
  public ElementMatcher<TypeDescription> typeMatcher() {
    return named(typeName);
  }

  @Override
  public void transform(TypeTransformer transformer) {
    advices.forEach(transformer::applyAdviceToMethod);
  }
}
