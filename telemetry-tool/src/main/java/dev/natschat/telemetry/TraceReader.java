package dev.natschat.telemetry;

import java.util.List;
import java.util.Optional;

/** Reads traces from the server that holds them. Implementations are thread-safe. */
public interface TraceReader {

  /**
   * The trace store of this system: Tempo when it answers, else Zipkin.
   *
   * @throws BackendException when neither answers
   */
  static TraceReader open(Addresses addresses) {
    HttpJson tempo = new HttpJson("Tempo", addresses.tempo());
    if (tempo.problem("/api/echo").isEmpty()) {
      return new TempoReader(tempo);
    }
    HttpJson zipkin = new HttpJson("Zipkin", addresses.zipkin());
    if (zipkin.problem("/health").isEmpty()) {
      return new ZipkinReader(zipkin);
    }
    throw new BackendException(
        "no trace store answers, neither %s nor %s: is the system up? (make up)"
            .formatted(tempo, zipkin),
        null);
  }

  /** Which server this is: {@code Tempo} or {@code Zipkin}, with its address. */
  String source();

  /**
   * The trace of that id as far as it has arrived; leading zeros may be missing.
   *
   * @throws IllegalArgumentException when it is not up to 32 hexadecimal digits
   * @throws BackendException when the server fails
   */
  Optional<Trace> trace(String id);

  /**
   * Ids of the traces that a query finds, newest first.
   *
   * @throws BackendException when the server fails
   */
  List<String> search(TraceQuery query);
}
