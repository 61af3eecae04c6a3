package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.bytebuddy.description.type.TypeDescription;
import org.junit.jupiter.api.Test;

/** {@code pkg.Class[method,method];pkg.Other[method]}, which the agent has split at commas. */
class BatchMethodInstrumentationTest {
  @Test
  void severalMethodsOfSeveralClassesCanBeNamed() {
    var parsed =
        BatchMethodInstrumentation.parse(
            List.of("java.lang.String[trim", " strip];java.lang.Integer[intValue]"));
    assertThat(parsed).hasSize(2);
    assertThat(parsed.get(0).typeMatcher().matches(TypeDescription.ForLoadedType.of(String.class)))
        .isTrue();
    assertThat(parsed.get(1).typeMatcher().matches(TypeDescription.ForLoadedType.of(Integer.class)))
        .isTrue();
    assertThat(((BatchMethodInstrumentation) parsed.get(0)).methodNames)
        .containsExactly("trim", "strip");
    assertThat(((BatchMethodInstrumentation) parsed.get(1)).methodNames)
        .containsExactly("intValue");
  }

  @Test
  void whatCannotBeReadIsLeftOut() {
    assertThat(BatchMethodInstrumentation.parse(List.of("java.lang.String", "a.B[c];"))).isEmpty();
    assertThat(BatchMethodInstrumentation.parse(List.of("nonsense;a.B[c];"))).hasSize(1);
    assertThat(BatchMethodInstrumentation.parse(List.of())).isEmpty();
  }
}
