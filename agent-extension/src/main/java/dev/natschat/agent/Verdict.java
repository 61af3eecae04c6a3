package dev.natschat.agent;

import static io.opentelemetry.sdk.common.export.GrpcStatusCode.INTERNAL;
import static io.opentelemetry.sdk.common.export.GrpcStatusCode.RESOURCE_EXHAUSTED;
import static io.opentelemetry.sdk.common.export.GrpcStatusCode.UNKNOWN;

import io.opentelemetry.exporter.internal.FailedExportException;
import io.opentelemetry.exporter.internal.FailedExportException.GrpcExportException;
import io.opentelemetry.exporter.internal.FailedExportException.HttpExportException;
import io.opentelemetry.exporter.internal.RetryUtil;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.common.export.GrpcResponse;
import io.opentelemetry.sdk.common.export.GrpcStatusCode;
import io.opentelemetry.sdk.common.export.HttpResponse;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What an export came to, by the rules of OTLP (https://opentelemetry.io/docs/specs/otlp/#failures)
 * but for what {@link #DOUBTFUL} says.
 */
enum Verdict {
  ACCEPTED,

  /** Nobody answered, or the answer asks for another try. */
  LATER,

  /**
   * Refused, perhaps for a single item or for the size of the whole: a gRPC server says the same of
   * a message that is too large and of a client that sends too much (RESOURCE_EXHAUSTED), and a
   * proxy before a dead server gives no gRPC status (UNKNOWN).
   */
  DOUBTFUL,

  /** Refused for good, or by an exporter that gives no reason. */
  REFUSED;

  private static final Set<GrpcStatusCode> doubtful =
      EnumSet.of(RESOURCE_EXHAUSTED, UNKNOWN, INTERNAL);

  static Verdict of(CompletableResultCode result) {
    return result.isSuccess() ? ACCEPTED : of(result.getFailureThrowable());
  }

  private static Verdict of(@Nullable Throwable failure) {
    if (failure instanceof GrpcExportException) {
      GrpcResponse response = ((GrpcExportException) failure).getResponse();
      return response == null ? unanswered((GrpcExportException) failure) : of(response);
    }
    if (failure instanceof HttpExportException) {
      HttpResponse response = ((HttpExportException) failure).getResponse();
      return response == null ? unanswered((HttpExportException) failure) : of(response);
    }
    return REFUSED;
  }

  /** The exporter itself refuses what is above a limit of its own; only its message tells. */
  private static Verdict unanswered(FailedExportException failure) {
    return String.valueOf(failure.getCause()).contains("exceeded limit of") ? DOUBTFUL : LATER;
  }

  private static Verdict of(GrpcResponse response) {
    GrpcStatusCode status = response.getStatusCode();
    if (doubtful.contains(status)) {
      return DOUBTFUL;
    }
    String code = String.valueOf(status.getValue());
    return RetryUtil.retryableGrpcStatusCodes().contains(code) ? LATER : REFUSED;
  }

  private static Verdict of(HttpResponse response) {
    int status = response.getStatusCode();
    if (status == 413 || status == 500) {
      return DOUBTFUL;
    }
    return RetryUtil.retryableHttpResponseCodes().contains(status) ? LATER : REFUSED;
  }
}
