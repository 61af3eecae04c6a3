# One Java program of ours, with the agent attached. Maven has made the jars before (make build).
ARG JRE_IMAGE
FROM ${JRE_IMAGE}
ARG SERVICE
WORKDIR /app
# What changes seldom comes first, so that a new jar of ours is the only new layer.
COPY agent-extension/target/opentelemetry-javaagent.jar ./
COPY ${SERVICE}/target/lib/ ./lib/
COPY agent-extension/target/agent-extension.jar ${SERVICE}/agent.properties ./
COPY ${SERVICE}/target/${SERVICE}.jar ./service.jar
USER 10001:10001
# The agent is in the command line, not in JAVA_TOOL_OPTIONS: any other java in this container would load it, too.
# The heap has its size from the start, unless JDK_JAVA_OPTIONS say otherwise, see RATIONALE.md; what native code no longer uses goes back to the system.
# The host name tells instances apart and stays the same when a container restarts, so that its series go on.
ENTRYPOINT ["sh", "-c", "\
  export OTEL_RESOURCE_ATTRIBUTES=$OTEL_RESOURCE_ATTRIBUTES,service.instance.id=$HOSTNAME; \
  exec java -XX:InitialRAMPercentage=33 -XX:MaxRAMPercentage=33 -XX:+UseSerialGC -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError \
    -XX:+IgnoreUnrecognizedVMOptions -XX:TrimNativeHeapInterval=1000 \
    -javaagent:opentelemetry-javaagent.jar -Dotel.javaagent.extensions=agent-extension.jar \
    -Dotel.javaagent.configuration-file=agent.properties -jar service.jar \"$@\"", "service"]
