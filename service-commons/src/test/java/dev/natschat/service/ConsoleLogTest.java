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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.MDC;
import org.slf4j.event.KeyValuePair;

/** What each service writes to its console, where somebody reads it in a terminal. */
class ConsoleLogTest {
  /** Of a room's name, say, which anybody chooses. */
  private static final String COMMANDS = "\u001b]0;title\u0007 \r \u009b2J \u202e";

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
    LoggerContext context = new LoggerContext();
    context.setMDCAdapter(MDC.getMDCAdapter());
    JoranConfigurator configurator = new JoranConfigurator();
    configurator.setContext(context);
    File configuration = Path.of("..", service, "src/main/resources/logback.xml").toFile();
    configurator.doConfigure(configuration);
    Logger logger = context.getLogger(Logger.ROOT_LOGGER_NAME);
    ConsoleAppender<ILoggingEvent> console =
        (ConsoleAppender<ILoggingEvent>) logger.getAppender("CONSOLE");
    LoggingEvent event =
        new LoggingEvent("", logger, Level.WARN, "refused: " + COMMANDS + "\nmore", null, null);
    event.setKeyValuePairs(List.of(new KeyValuePair("room", COMMANDS)));

    String line = new String(console.getEncoder().encode(event), UTF_8);

    assertThat(line).contains("refused: ").contains("2J").contains("\nmore").endsWith("\n");
    assertThat(line.chars().filter(ConsoleLogTest::isCommand)).isEmpty();
    context.stop();
  }

  private static boolean isCommand(int character) {
    return character != '\n'
        && (Character.isISOControl(character) || (character >= 0x202A && character <= 0x202E));
  }
}
