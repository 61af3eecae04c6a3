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
# In the command line, not in JAVA_TOOL_OPTIONS: any other java in this container would load the agent, too.
ENTRYPOINT ["java", "-javaagent:opentelemetry-javaagent.jar", "-Dotel.javaagent.extensions=agent-extension.jar", \
  "-Dotel.javaagent.configuration-file=agent.properties", "-XX:MaxRAMPercentage=35", "-XX:+ExitOnOutOfMemoryError", \
  "-jar", "service.jar"]
