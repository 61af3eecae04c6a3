package dev.natschat.agent;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.function.Predicate;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.regex.Pattern;
import net.bytebuddy.jar.asm.ClassReader;
import net.bytebuddy.jar.asm.ClassVisitor;
import net.bytebuddy.jar.asm.ClassWriter;
import net.bytebuddy.jar.asm.MethodVisitor;
import net.bytebuddy.jar.asm.Opcodes;

/** The extension with faults: methods that divide by zero before they do anything else. */
final class FaultyJar {
  private static final String PACKAGE = "dev/natschat/agent/";

  /**
   * What catches faults, the application's handler, headers and their text, which jnats asks for
   * where nothing of ours could catch, and what only the agent's side loads.
   */
  private static final Pattern sound =
      Pattern.compile(
          "Hooks|Faults.*|TracedHandler|InjectedHeaders|TraceParent|Settings|SubjectPattern|LinkedBatchSampler|HookedType|KnownJnats"
              + "|.*(Instrumentation|Module|Configuration)(\\$.*)?");

  enum Fault {
    ALWAYS,
    SOMETIMES
  }

  private FaultyJar() {}

  static boolean isBehindHooks(String simpleName) {
    return !sound.matcher(simpleName).matches();
  }

  static Path where(Predicate<String> isFaulty, Fault fault, Path directory) throws IOException {
    Path faulty = directory.resolve("faulty.jar");
    try (JarFile jar = new JarFile(System.getProperty("extension"));
        OutputStream file = Files.newOutputStream(faulty);
        JarOutputStream out = new JarOutputStream(file)) {
      for (JarEntry entry : Collections.list(jar.entries())) {
        byte[] content = jar.getInputStream(entry).readAllBytes();
        String name = entry.getName();
        boolean ours = name.startsWith(PACKAGE) && name.endsWith(".class");
        out.putNextEntry(new JarEntry(name));
        out.write(
            ours && isFaulty.test(name.substring(PACKAGE.length(), name.length() - 6))
                ? withFaults(content, fault)
                : content);
      }
    }
    return faulty;
  }

  private static byte[] withFaults(byte[] type, Fault fault) {
    ClassReader reader = new ClassReader(type);
    ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
    reader.accept(
        new ClassVisitor(Opcodes.ASM9, writer) {
          @Override
          public MethodVisitor visitMethod(
              int access, String name, String descriptor, String signature, String[] exceptions) {
            MethodVisitor method =
                super.visitMethod(access, name, descriptor, signature, exceptions);
            return name.startsWith("<") ? method : new Fails(method, fault);
          }
        },
        0);
    return writer.toByteArray();
  }

  /** No jump, so that the method's stack map frames stay valid. */
  private static final class Fails extends MethodVisitor {
    private final Fault fault;

    Fails(MethodVisitor method, Fault fault) {
      super(Opcodes.ASM9, method);
      this.fault = fault;
    }

    @Override
    public void visitCode() {
      super.visitCode();
      visitInsn(Opcodes.ICONST_1);
      if (fault == Fault.ALWAYS) {
        visitInsn(Opcodes.ICONST_0);
      } else { // one time in ten
        visitMethodInsn(Opcodes.INVOKESTATIC, "java/lang/Math", "random", "()D", false);
        visitLdcInsn(10.0);
        visitInsn(Opcodes.DMUL);
        visitInsn(Opcodes.D2I);
      }
      visitInsn(Opcodes.IDIV);
      visitInsn(Opcodes.POP);
    }
  }
}
