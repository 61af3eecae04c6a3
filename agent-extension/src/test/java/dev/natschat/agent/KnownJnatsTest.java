package dev.natschat.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.nats.client.impl.Headers;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Stream;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.dynamic.ClassFileLocator;
import net.bytebuddy.dynamic.loading.ByteArrayClassLoader;
import net.bytebuddy.jar.asm.ClassReader;
import net.bytebuddy.jar.asm.ClassVisitor;
import net.bytebuddy.jar.asm.ClassWriter;
import net.bytebuddy.jar.asm.FieldVisitor;
import net.bytebuddy.jar.asm.MethodVisitor;
import net.bytebuddy.jar.asm.Opcodes;
import net.bytebuddy.jar.asm.commons.ClassRemapper;
import net.bytebuddy.jar.asm.commons.Remapper;
import net.bytebuddy.matcher.ElementMatcher;
import net.bytebuddy.pool.TypePool;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The extension traces a jnats that it knows whole, and leaves any other alone as a whole. */
@SuppressWarnings("try")
class KnownJnatsTest {
  private static final Path MEMBERS =
      Path.of("src/main/resources/dev/natschat/agent/jnats-members.txt");

  private final KnownJnats knownJnats = new KnownJnats(JnatsInstrumentationModule.hookedTypes);
  private final Logger logger = Logger.getLogger("dev.natschat.agent");
  private final List<String> said = new ArrayList<>();
  private final Handler handler =
      new Handler() {
        @Override
        public void publish(LogRecord line) {
          said.add(line.getMessage());
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };

  @BeforeEach
  void listen() {
    logger.addHandler(handler);
    logger.setUseParentHandlers(false);
  }

  @AfterEach
  void stopListening() {
    logger.removeHandler(handler);
    logger.setUseParentHandlers(true);
  }

  @Test
  void theNewestIsKnown() {
    assertThat(knownJnats.matches(getClass().getClassLoader())).isTrue();
    assertThat(said).isEmpty();
  }

  @Test
  void theOldestIsKnown() throws Exception {
    URL oldest = Path.of("target/floor/jnats.jar").toUri().toURL();
    try (URLClassLoader loader =
        new URLClassLoader(new URL[] {oldest}, ClassLoader.getPlatformClassLoader())) {
      assertThat(knownJnats.matches(loader)).isTrue();
    }
    assertThat(said).isEmpty();
  }

  /** Each script of an application, and each of its pages, may have a loader of its own. */
  @Test
  void aLoaderBelowThatOfAKnownJnatsIsNotReadThrough() throws Exception {
    ClassLoader application = getClass().getClassLoader();
    assertThat(knownJnats.matches(application)).isTrue();
    List<String> read = new ArrayList<>();
    try (URLClassLoader scripts = new URLClassLoader(new URL[0], application);
        URLClassLoader script =
            new URLClassLoader(new URL[0], scripts) {
              @Override
              public @Nullable InputStream getResourceAsStream(String name) {
                read.add(name);
                return super.getResourceAsStream(name);
              }
            }) {
      assertThat(knownJnats.matches(script)).isTrue();
    }
    assertThat(read).isEmpty();
  }

  @Test
  void oneThatHasAJnatsOfItsOwnIs() throws Exception {
    assertThat(knownJnats.matches(getClass().getClassLoader())).isTrue();
    String type = "io.nats.client.impl.NatsConnection";
    assertIsLeftAlone(type, without(type, member -> member.startsWith("deliverReply(")));
  }

  /** A security manager forbids it to an agent that has not asked for it. */
  @Test
  void whyAJnatsThatCannotBeReadIsLeftAloneIsSaid() {
    ClassLoader unreadable =
        new ClassLoader(getClass().getClassLoader()) {
          @Override
          public @Nullable InputStream getResourceAsStream(String name) {
            return null;
          }
        };
    assertThat(knownJnats.matches(unreadable)).isFalse();
    assertThat(said).singleElement().asString().contains("readable", "security-manager-support");
  }

  @ParameterizedTest
  @MethodSource("members")
  void aJnatsWithoutOneMemberThatAHelperUsesIsLeftAlone(String member) throws Exception {
    String type = member.substring(0, member.indexOf(' '));
    assertIsLeftAlone(type, without(type, member.substring(type.length() + 1)::equals));
  }

  @ParameterizedTest
  @MethodSource("hooked")
  void aJnatsWithoutOneHookedMethodIsLeftAlone(String type, String method) throws Exception {
    ElementMatcher<MethodDescription> hooked =
        JnatsInstrumentationModule.hookedTypes.stream()
            .filter(each -> each.typeName.equals(type))
            .findFirst()
            .orElseThrow()
            .methods
            .get(method);
    Set<String> overloads = new TreeSet<>();
    TypePool.Default.ofSystemLoader()
        .describe(type)
        .resolve()
        .getDeclaredMethods()
        .filter(hooked)
        .forEach(found -> overloads.add(found.getInternalName() + found.getDescriptor()));
    assertThat(overloads).isNotEmpty();
    assertIsLeftAlone(type, without(type, overloads::contains));
  }

  @ParameterizedTest
  @MethodSource("fields")
  void aJnatsWithoutAFieldThatAnAdviceReadsIsLeftAlone(String type, String field) throws Exception {
    assertIsLeftAlone(type, without(type, member -> member.startsWith(field + ":")));
  }

  /** Its advice takes what the method returns as a Message. */
  @Test
  void aJnatsWhoseHookedMethodReturnsSomethingElseIsLeftAlone() throws Exception {
    String type = "io.nats.client.impl.NatsConnection";
    assertIsLeftAlone(
        type,
        rewritten(
            type,
            writer ->
                new ClassVisitor(Opcodes.ASM9, writer) {
                  @Override
                  public @Nullable MethodVisitor visitMethod(
                      int access,
                      String name,
                      String descriptor,
                      String signature,
                      String[] exceptions) {
                    return name.equals("requestInternal")
                        ? super.visitMethod(
                            access,
                            name,
                            descriptor.replaceFirst("\\).*", ")Ljava/lang/String;"),
                            null,
                            exceptions)
                        : super.visitMethod(access, name, descriptor, signature, exceptions);
                  }
                }));
  }

  @Test
  void aJnatsWhoseHeadersCannotBeExtendedIsLeftAlone() throws Exception {
    String type = Headers.class.getName();
    assertIsLeftAlone(
        type,
        rewritten(
            type,
            writer ->
                new ClassVisitor(Opcodes.ASM9, writer) {
                  @Override
                  public void visit(
                      int version,
                      int access,
                      String name,
                      String signature,
                      String superName,
                      String[] interfaces) {
                    super.visit(
                        version,
                        access | Opcodes.ACC_FINAL,
                        name,
                        signature,
                        superName,
                        interfaces);
                  }
                }));
  }

  /** {@code -Dmembers.write=true} writes the list anew. */
  @Test
  void theListOfMembersIsThatOfTheHelpers() throws Exception {
    Set<String> used = new TreeSet<>();
    for (String helper : new JnatsInstrumentationModule().getAdditionalHelperClassNames()) {
      collect(helper, used);
    }
    if (Boolean.getBoolean("members.write")) {
      Files.write(MEMBERS, used);
    }
    assertThat(Files.readAllLines(MEMBERS)).containsExactlyElementsOf(used);
  }

  private static void collect(String helper, Set<String> used) throws IOException {
    ClassVisitor collector =
        new ClassRemapper(
            new ClassWriter(0),
            new Remapper(Opcodes.ASM9) {
              @Override
              public String mapMethodName(String owner, String name, String descriptor) {
                add(owner, name + descriptor);
                return name;
              }

              @Override
              public String mapFieldName(String owner, String name, String descriptor) {
                add(owner, name + ":" + descriptor);
                return name;
              }

              private void add(String owner, String member) {
                if (owner.startsWith("io/nats/") && isDeclaredByJnats(owner, member)) {
                  used.add(owner.replace('/', '.') + " " + member);
                }
              }
            });
    new ClassReader(classFile(helper)).accept(collector, 0);
  }

  /** Some are the JDK's: {@code CompletableFuture.isDone}. */
  private static boolean isDeclaredByJnats(String owner, String member) {
    return KnownJnats.has(
        TypePool.Default.ofSystemLoader().describe(owner.replace('/', '.')), member);
  }

  static Stream<String> members() throws IOException {
    return Files.readAllLines(MEMBERS).stream();
  }

  static Stream<Object[]> hooked() {
    return JnatsInstrumentationModule.hookedTypes.stream()
        .flatMap(
            type ->
                type.methods.keySet().stream().map(method -> new Object[] {type.typeName, method}));
  }

  static Stream<Object[]> fields() {
    return JnatsInstrumentationModule.hookedTypes.stream()
        .flatMap(
            type ->
                type.fields.keySet().stream().map(field -> new Object[] {type.typeName, field}));
  }

  private void assertIsLeftAlone(String type, byte[] other) {
    ClassLoader loader =
        new ByteArrayClassLoader.ChildFirst(
            getClass().getClassLoader(),
            Map.of(type, other),
            ByteArrayClassLoader.PersistenceHandler.MANIFEST);
    assertThat(knownJnats.matches(loader)).isFalse();
    assertThat(knownJnats.matches(loader)).isFalse();
    assertThat(said).singleElement().asString().contains(type, "is not traced");
  }

  private static byte[] without(String type, Predicate<String> isMissing) throws IOException {
    return rewritten(
        type,
        writer ->
            new ClassVisitor(Opcodes.ASM9, writer) {
              @Override
              public @Nullable MethodVisitor visitMethod(
                  int access,
                  String name,
                  String descriptor,
                  String signature,
                  String[] exceptions) {
                return isMissing.test(name + descriptor)
                    ? null
                    : super.visitMethod(access, name, descriptor, signature, exceptions);
              }

              @Override
              public @Nullable FieldVisitor visitField(
                  int access, String name, String descriptor, String signature, Object value) {
                return isMissing.test(name + ":" + descriptor)
                    ? null
                    : super.visitField(access, name, descriptor, signature, value);
              }
            });
  }

  private interface Rewriting {
    ClassVisitor of(ClassWriter writer);
  }

  private static byte[] rewritten(String type, Rewriting rewriting) throws IOException {
    ClassWriter writer = new ClassWriter(0);
    new ClassReader(classFile(type)).accept(rewriting.of(writer), 0);
    return writer.toByteArray();
  }

  private static byte[] classFile(String type) throws IOException {
    return ClassFileLocator.ForClassLoader.ofSystemLoader().locate(type).resolve();
  }
}
