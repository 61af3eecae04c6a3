/**
 * Reads traces, logs and metrics back from the servers that hold them. A program ({@link
 * dev.natschat.telemetry.TelemetryTool}) and a library: {@link dev.natschat.telemetry.TraceReader},
 * {@link dev.natschat.telemetry.LokiReader} and {@link dev.natschat.telemetry.PrometheusReader} are
 * what tests use.
 */
package dev.natschat.telemetry;
