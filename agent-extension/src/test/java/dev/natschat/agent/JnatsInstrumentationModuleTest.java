package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.TreeSet;
import net.bytebuddy.jar.asm.ClassReader;
import net.bytebuddy.jar.asm.ClassWriter;
import net.bytebuddy.jar.asm.Opcodes;
import net.bytebuddy.jar.asm.commons.ClassRemapper;
import net.bytebuddy.jar.asm.commons.Remapper;
import org.junit.jupiter.api.Test;

class JnatsInstrumentationModuleTest {
  private static final String PACKAGE = "dev/natschat/agent/";

  /** A class missing here would be a NoClassDefFoundError in the application. */
  @Test
  void helpersAreAllThatTheHooksReach() throws IOException {
    assertThat(new JnatsInstrumentationModule().getAdditionalHelperClassNames())
        .containsExactlyInAnyOrderElementsOf(reachableFrom(PACKAGE + "Hooks"));
  }

  private static Set<String> reachableFrom(String root) throws IOException {
    Set<String> reached = new TreeSet<>();
    Deque<String> open = new ArrayDeque<>(Set.of(root));
    while (!open.isEmpty()) {
      String type = open.pop();
      if (reached.add(type.replace('/', '.'))) {
        open.addAll(referencesOf(type));
      }
    }
    return reached;
  }

  private static Set<String> referencesOf(String type) throws IOException {
    Set<String> references = new TreeSet<>();
    Remapper collector =
        new Remapper(Opcodes.ASM9) {
          @Override
          public String map(String internalName) {
            if (internalName.startsWith(PACKAGE)) {
              references.add(internalName);
            }
            return internalName;
          }
        };
    byte[] bytes = Files.readAllBytes(Path.of("target/classes", type + ".class"));
    new ClassReader(bytes).accept(new ClassRemapper(new ClassWriter(0), collector), 0);
    return references;
  }
}
