package io.opentelemetry.javaagent.extension.instrumentation.internal;

/**
 * Compile-time stand-in, not packaged: the agent has this nested interface since 2.32, the newest
 * extension API on Maven Central (2.31.1) has not.
 */
@SuppressWarnings({"checkstyle:TypeName", "MemberName"})
public interface ExperimentalInstrumentationModule$VirtualFieldRegistration {
  void register(String typeName, String fieldTypeName);
}
