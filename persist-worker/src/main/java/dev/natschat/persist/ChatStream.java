package dev.natschat.persist;

import dev.natschat.service.Outage;
import io.nats.client.JetStreamApiException;
import io.nats.client.JetStreamManagement;
import io.nats.client.PurgeOptions;
import io.nats.client.api.AckPolicy;
import io.nats.client.api.ConsumerConfiguration;
import io.nats.client.api.ConsumerInfo;
import io.nats.client.api.DeliverPolicy;
import io.nats.client.api.DiscardPolicy;
import io.nats.client.api.RetentionPolicy;
import io.nats.client.api.StorageType;
import io.nats.client.api.StreamConfiguration;
import io.nats.client.api.StreamInfo;
import io.nats.client.api.StreamState;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The stream and the durable consumer that all workers share: made when they are missing, set right
 * when somebody changed what must hold, and kept from filling up.
 *
 * <p>The stream is the truth of what was said and the table recognises what it has. So whenever the
 * durable may have passed over something, it is made anew and delivers all of the stream again.
 */
final class ChatStream {
  static final String NAME = "CHAT_MESSAGES";
  static final String DURABLE = "persist-worker";

  /** The database's answer. */
  interface Persisted {
    /**
     * Which message it lacks, of that one and of what else is known to have been stored.
     *
     * @param created when the stream was made: another stream had the same sequences before
     */
    OptionalLong lacks(long sequence, ZonedDateTime created) throws SQLException;
  }

  private static final Logger log = LoggerFactory.getLogger(ChatStream.class);

  /** Twice what ten workers hold; more would not be delivered until some are acknowledged. */
  private static final int MAX_ACK_PENDING = 2 * Inbox.BATCH * 10;

  /** NATS JetStream's err_code for a consumer, and for a stream, that does not exist. */
  private static final int CONSUMER_NOT_FOUND = 10014;

  private static final int STREAM_NOT_FOUND = 10059;

  private final JetStreamManagement management;
  private final Persisted persisted;
  private final Config config;
  private boolean streamDeclared;
  private String lastWrong = "";
  private boolean durableDeclared;
  private boolean databaseIsNew = true;
  private final Outage unusual = new Outage();

  ChatStream(JetStreamManagement management, Persisted persisted, Config config) {
    this.management = management;
    this.persisted = persisted;
    this.config = config;
  }

  /** At the next look it will be asked whether it has what was acknowledged. */
  void databaseIsNew() {
    databaseIsNew = true;
  }

  /**
   * Whether it has what was acknowledged, or will get it again. Until then nothing may be
   * acknowledged: the acknowledgement floor would move over what it lacks.
   */
  boolean isDatabaseKnown() {
    return !databaseIsNew;
  }

  /**
   * @param durable perhaps another than last time
   */
  record Found(StreamInfo stream, ConsumerInfo durable) {}

  /**
   * Leaves both as they must be.
   *
   * @throws SQLException when the database could not be asked
   */
  Found lookAfter() throws IOException, JetStreamApiException, SQLException {
    StreamInfo stream = stream();
    return new Found(stream, durable(stream));
  }

  private StreamInfo stream() throws IOException, JetStreamApiException {
    StreamInfo present;
    try {
      present = management.getStreamInfo(NAME);
    } catch (JetStreamApiException e) {
      if (e.getApiErrorCode() != STREAM_NOT_FOUND) {
        throw e;
      }
      if (streamDeclared) {
        log.warn("Stream {} is gone: made again", NAME);
      }
      StreamConfiguration.Builder made = asItMustBe(StreamConfiguration.builder());
      present = management.addStream(withOurSettings(made).build());
    }
    StreamConfiguration found = present.getConfiguration();
    StreamConfiguration.Builder right = asItMustBe(StreamConfiguration.builder(found));
    StreamConfiguration wanted = (streamDeclared ? right : withOurSettings(right)).build();
    String asFound = found.toJson();
    if (wanted.toJson().equals(asFound)) {
      lastWrong = "";
    } else {
      if (streamDeclared && !asFound.equals(lastWrong)) { // a sealed one stays as it is
        log.warn("Stream {} was changed: set right again", NAME);
      }
      lastWrong = asFound;
      present = management.updateStream(wanted);
    }
    streamDeclared = true;
    return present;
  }

  /**
   * Discards new messages when full: an old one that nobody has persisted is never given up. And no
   * publisher may remove what others said; that they may give their own a time to live cannot be
   * taken back.
   */
  private static StreamConfiguration.Builder asItMustBe(StreamConfiguration.Builder stream) {
    return stream
        .name(NAME)
        .subjects("chat.*", "admin.*")
        .storageType(StorageType.File)
        .retentionPolicy(RetentionPolicy.Limits)
        .discardPolicy(DiscardPolicy.New)
        .discardNewPerSubject(false)
        .maxMessages(-1)
        .maxMessagesPerSubject(-1)
        .maximumMessageSize(-1)
        .maxAge(Duration.ofDays(7))
        .duplicateWindow(Duration.ofMinutes(2))
        .noAck(false)
        .allowRollup(false)
        .subjectDeleteMarkerTtl(null)
        .subjectTransform(null);
  }

  /**
   * Only at the start: while workers with other settings take over, they would set each other's
   * back every second.
   */
  private StreamConfiguration.Builder withOurSettings(StreamConfiguration.Builder stream) {
    return stream.maxBytes(config.streamMaxBytes()).replicas(config.streamReplicas());
  }

  private ConsumerInfo durable(StreamInfo stream)
      throws IOException, JetStreamApiException, SQLException {
    ConsumerInfo present;
    try {
      present = management.getConsumerInfo(NAME, DURABLE);
    } catch (JetStreamApiException e) {
      if (e.getApiErrorCode() != CONSUMER_NOT_FOUND) {
        throw e;
      }
      if (durableDeclared) {
        log.warn("Durable {} of stream {} is gone: made again", DURABLE, NAME);
      }
      return declareDurable();
    }
    if (!deliversEverything(present.getConsumerConfiguration())) {
      log.warn(
          "Durable {} of stream {} was changed and may have passed over messages: made anew,"
              + " everything is delivered again",
          DURABLE,
          NAME);
      return replaceDurable();
    }
    if (databaseIsNew && !databaseHasWhatWasAcknowledged(stream, present)) {
      return replaceDurable();
    }
    databaseIsNew = false;
    sayWhatStays(present);
    boolean refusing = refusesWhatIsPulled(present.getConsumerConfiguration());
    if (refusing && durableDeclared) {
      log.warn(
          "Durable {} of stream {} was changed and refuses what is pulled: set right again",
          DURABLE,
          NAME);
    }
    return durableDeclared && !refusing ? present : declareDurable();
  }

  /**
   * What somebody may have meant, and forgotten: the worker may not end a pause, and of workers
   * with other settings, while they take over from each other, none is right.
   */
  private void sayWhatStays(ConsumerInfo durable) {
    ConsumerConfiguration found = durable.getConsumerConfiguration();
    boolean changed =
        found.getMaxAckPending() != MAX_ACK_PENDING || !config.ackWait().equals(found.getAckWait());
    if (durable.getPaused()) {
      Instant until = found.getPauseUntil().toInstant();
      if (unusual.isNews("paused until " + until)) {
        log.warn(
            "Durable {} of stream {} is paused until {}: nothing is delivered before, unless `nats consumer resume` ends it",
            DURABLE,
            NAME,
            until);
      }
    } else if (changed && durableDeclared) {
      if (unusual.isNews("changed")) {
        log.warn(
            "Durable {} of stream {} was changed to max_ack_pending {} and ack_wait {}: left so until a worker starts",
            DURABLE,
            NAME,
            found.getMaxAckPending(),
            found.getAckWait());
      }
    } else if (unusual.ends()) {
      log.info("Durable {} of stream {} is as it was declared", DURABLE, NAME);
    }
  }

  /** Of such a consumer the inbox would ask in vain, for ever. */
  private static boolean refusesWhatIsPulled(ConsumerConfiguration durable) {
    return durable.getMaxBatch() > 0
        || durable.getMaxBytes() > 0
        || (durable.getMaxExpires() != null && !durable.getMaxExpires().isZero())
        || durable.getPriorityGroups() != null;
  }

  /** What an acknowledgement floor stands for can only be believed of such a consumer. */
  private static boolean deliversEverything(ConsumerConfiguration durable) {
    return durable.getAckPolicy() == AckPolicy.Explicit
        && durable.getDeliverPolicy() == DeliverPolicy.All
        && durable.getMaxDeliver() <= 0
        && (durable.getFilterSubjects() == null || durable.getFilterSubjects().isEmpty())
        && durable.getDeliverSubject() == null
        && !durable.isHeadersOnly();
  }

  /** A database that was restored from a dump lacks what came after it. */
  private boolean databaseHasWhatWasAcknowledged(StreamInfo stream, ConsumerInfo durable)
      throws SQLException {
    long last = durable.getAckFloor().getStreamSequence();
    OptionalLong missing =
        last == 0 ? OptionalLong.empty() : persisted.lacks(last, stream.getCreateTime());
    if (missing.isEmpty()) {
      return true;
    }
    log.warn(
        "The database lacks stream sequence {}, which was acknowledged: was it restored from a dump?"
            + " Everything from {} on, where the stream begins, is delivered again",
        missing.getAsLong(),
        stream.getStreamState().getFirstSequence());
    return false;
  }

  private ConsumerInfo replaceDurable() throws IOException, JetStreamApiException {
    try {
      management.deleteConsumer(NAME, DURABLE);
    } catch (JetStreamApiException e) {
      if (e.getApiErrorCode() != CONSUMER_NOT_FOUND) {
        throw e; // else another worker did it a moment ago
      }
    }
    return declareDurable();
  }

  private ConsumerInfo declareDurable() throws IOException, JetStreamApiException {
    ConsumerInfo made =
        management.addOrUpdateConsumer(
            NAME,
            ConsumerConfiguration.builder()
                .durable(DURABLE)
                .deliverPolicy(DeliverPolicy.All)
                .ackPolicy(AckPolicy.Explicit)
                .ackWait(config.ackWait())
                .maxDeliver(-1)
                .maxAckPending(MAX_ACK_PENDING)
                .build());
    durableDeclared = true;
    databaseIsNew = false; // it has been asked, or gets everything
    return made;
  }

  /**
   * A full stream of the limits kind stays full, even when all of it was acknowledged. A quarter of
   * it is kept, for a database that has to be restored.
   */
  void trim(Found found) throws IOException, JetStreamApiException {
    StreamState stream = found.stream.getStreamState();
    long limit = found.stream.getConfiguration().getMaxBytes();
    if (limit <= 0 || stream.getByteCount() <= limit / 2) {
      return;
    }
    long bytesEach = Math.max(1, stream.getByteCount() / Math.max(1, stream.getMsgCount()));
    long kept = limit / 4 / bytesEach;
    long last =
        Math.min(found.durable.getAckFloor().getStreamSequence(), stream.getLastSequence() - kept);
    if (last >= stream.getFirstSequence()) {
      long purged =
          management
              .purgeStream(NAME, PurgeOptions.builder().sequence(last + 1).build())
              .getPurged();
      log.info("Stream {} was over half full: {} persisted messages removed", NAME, purged);
    }
  }
}
