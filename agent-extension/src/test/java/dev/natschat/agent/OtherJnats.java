package dev.natschat.agent;

import io.nats.client.Nats;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import net.bytebuddy.jar.asm.ClassReader;
import net.bytebuddy.jar.asm.ClassWriter;
import net.bytebuddy.jar.asm.Opcodes;
import net.bytebuddy.jar.asm.commons.ClassRemapper;
import net.bytebuddy.jar.asm.commons.Remapper;

/**
 * The tests' jnats, changed as a later one may be: it works, and the extension does not know it.
 */
enum OtherJnats {
  FINAL_HEADERS("", "extensible io.nats.client.impl.Headers"),
  HOOKED_METHOD_HAS_ANOTHER_NAME("deliverReply", "io.nats.client.impl.NatsConnection.deliverReply"),
  METHOD_OF_A_HELPER_HAS_ANOTHER_NAME("getSID", "io.nats.client.Message.getSID");

  /** What is said to lack. */
  final String missing;

  private final String renamed;

  OtherJnats(String renamed, String missing) {
    this.renamed = renamed;
    this.missing = missing;
  }

  Path jar(Path directory) throws IOException, URISyntaxException {
    Path other = directory.resolve("jnats.jar");
    Path known = Path.of(Nats.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    try (JarFile jar = new JarFile(known.toFile());
        OutputStream file = Files.newOutputStream(other);
        JarOutputStream out = new JarOutputStream(file)) {
      for (JarEntry entry : Collections.list(jar.entries())) {
        byte[] content = jar.getInputStream(entry).readAllBytes();
        out.putNextEntry(new JarEntry(entry.getName()));
        out.write(entry.getName().endsWith(".class") ? changed(content) : content);
      }
    }
    return other;
  }

  private byte[] changed(byte[] type) {
    ClassWriter writer = new ClassWriter(0);
    Remapper names =
        new Remapper(Opcodes.ASM9) {
          @Override
          public String mapMethodName(String owner, String name, String descriptor) {
            return name.equals(renamed) ? name + "2" : name;
          }
        };
    new ClassReader(type)
        .accept(
            new ClassRemapper(writer, names) {
              @Override
              public void visit(
                  int version,
                  int access,
                  String name,
                  String signature,
                  String superName,
                  String[] interfaces) {
                boolean closes =
                    OtherJnats.this == FINAL_HEADERS && name.equals("io/nats/client/impl/Headers");
                super.visit(
                    version,
                    closes ? access | Opcodes.ACC_FINAL : access,
                    name,
                    signature,
                    superName,
                    interfaces);
              }
            },
            0);
    return writer.toByteArray();
  }
}
