package dev.natschat.service;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import java.io.File;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.MDC;
import org.slf4j.event.KeyValuePair;

/** What each service writes to its console, where somebody reads it in a terminal. */
class ConsoleLogTest {
  /** Of a room's name, say, which anybody chooses. */
  private static final String COMMANDS = "\u001b]0;title\u0007 \r \u009b2J \u202e";

  private final LoggerContext context = new LoggerContext();

  @AfterEach
  void stop() {
    context.stop();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "auth-service",
        "persist-worker",
        "history-service",
        "broker-observer",
        "chat-client"
      })
  void controlCharactersDoNotReachTheTerminal(String service) throws Exception {
    String line = written(service, Logger.ROOT_LOGGER_NAME, "CONSOLE");

    assertThat(line).contains("refused: ").contains("2J").contains("\nmore").endsWith("\n");
    assertThat(line).contains("IllegalStateException: said by \"").contains("\n\tat ");
    assertThat(line.chars().filter(ConsoleLogTest::isCommand)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"auth-service", "persist-worker", "history-service", "broker-observer"})
  void norDoThoseThatTheAgentHeard(String service) throws Exception {
    String line = written(service, "io.opentelemetry", "AGENT");

    assertThat(line).contains("refused: ").contains("\nmore").endsWith("\n");
    assertThat(line).contains("IllegalStateException: said by \"").doesNotContain("\tat ");
    assertThat(line.chars().filter(ConsoleLogTest::isCommand)).isEmpty();
  }

  private String written(String service, String name, String appender) throws Exception {
    context.setMDCAdapter(MDC.getMDCAdapter());
    JoranConfigurator configurator = new JoranConfigurator();
    configurator.setContext(context);
    File configuration = Path.of("..", service, "src/main/resources/logback.xml").toFile();
    configurator.doConfigure(configuration);
    Logger logger = context.getLogger(name);
    ConsoleAppender<ILoggingEvent> console =
        (ConsoleAppender<ILoggingEvent>) logger.getAppender(appender);
    Exception failure = new IllegalStateException("said by \"" + COMMANDS + "\"");
    LoggingEvent event =
        new LoggingEvent("", logger, Level.WARN, "refused: " + COMMANDS + "\nmore", failure, null);
    event.setKeyValuePairs(List.of(new KeyValuePair("room", COMMANDS)));
    return new String(console.getEncoder().encode(event), UTF_8);
  }

  private static boolean isCommand(int character) {
    return character != '\n'
        && character != '\t'
        && (Character.isISOControl(character) || (character >= 0x202A && character <= 0x202E));
  }
}
