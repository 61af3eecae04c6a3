package dev.natschat.telemetry;

import java.util.Map;

/**
 * One log record.
 *
 * @param timeNanos since the epoch
 * @param service the service that wrote it
 * @param level as the logger named it (ERROR, WARN, ...), empty when unknown
 * @param body the message
 * @param labels everything else: Loki's labels and structured metadata ({@code trace_id}, {@code
 *     span_id}, ...)
 */
public record LogLine(
    long timeNanos, String service, String level, String body, Map<String, String> labels) {}
