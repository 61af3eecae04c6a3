package dev.natschat.agent;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.opentelemetry.exporter.internal.marshal.Marshaler;
import io.opentelemetry.exporter.internal.marshal.Serializer;
import io.opentelemetry.exporter.internal.otlp.InstrumentationScopeMarshaler;
import io.opentelemetry.exporter.internal.otlp.ResourceMarshaler;
import io.opentelemetry.sdk.common.InstrumentationScopeInfo;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.data.SpanData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An {@code ExportTraceServiceRequest} of OTLP, of spans that are encoded: spans by scopes by
 * resources. Immutable, and so may be sent again.
 */
final class EncodedRequest extends Marshaler {
  // How fields begin, as in SpanEncoder.
  private static final int RESOURCE_SPANS = 1 << 3 | 2;
  private static final int RESOURCE_OR_SCOPE = 1 << 3 | 2;
  private static final int SCOPE_SPANS = 2 << 3 | 2;
  private static final int SCHEMA_URL = 3 << 3 | 2;

  private final Message content = new Message();

  private EncodedRequest() {}

  @Override
  public int getBinarySerializedSize() {
    return content.size;
  }

  @Override
  protected void writeTo(Serializer output) throws IOException {
    for (byte[] part : content.parts) {
      output.writeSerializedMessage(part, "");
    }
  }

  /** For one thread. */
  static final class Builder {
    private final IdentityHashMap<Resource, IdentityHashMap<InstrumentationScopeInfo, Message>>
        resources = new IdentityHashMap<>();

    void add(SpanData span, byte[] bytes) {
      resources
          .computeIfAbsent(span.getResource(), resource -> new IdentityHashMap<>())
          .computeIfAbsent(span.getInstrumentationScopeInfo(), Builder::begin)
          .add(bytes);
    }

    private static Message begin(InstrumentationScopeInfo scope) {
      Message message = new Message();
      message.addField(RESOURCE_OR_SCOPE, bytes(InstrumentationScopeMarshaler.create(scope)));
      return message;
    }

    EncodedRequest build() {
      EncodedRequest request = new EncodedRequest();
      resources.forEach(
          (resource, scopes) -> {
            Message ofResource = new Message();
            ofResource.addField(RESOURCE_OR_SCOPE, bytes(ResourceMarshaler.create(resource)));
            scopes.forEach(
                (scope, ofScope) -> {
                  ofScope.addSchemaUrl(scope.getSchemaUrl());
                  ofResource.addField(SCOPE_SPANS, ofScope);
                });
            ofResource.addSchemaUrl(resource.getSchemaUrl());
            request.content.addField(RESOURCE_SPANS, ofResource);
          });
      return request;
    }

    private static byte[] bytes(Marshaler marshaler) {
      try {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        marshaler.writeBinaryTo(bytes);
        return bytes.toByteArray();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** A message in the making, in parts. */
  private static final class Message {
    private final List<byte[]> parts = new ArrayList<>();
    private int size;

    void addField(int field, byte[] bytes) {
      add(beginning(field, bytes.length));
      add(bytes);
    }

    void addField(int field, Message message) {
      add(beginning(field, message.size));
      message.parts.forEach(this::add);
    }

    void addSchemaUrl(@Nullable String url) {
      if (url != null && !url.isEmpty()) {
        addField(SCHEMA_URL, url.getBytes(UTF_8));
      }
    }

    private void add(byte[] part) {
      parts.add(part);
      size += part.length;
    }

    private static byte[] beginning(int field, int length) {
      byte[] bytes = new byte[1 + SpanEncoder.varintLength(length)];
      bytes[0] = (byte) field;
      SpanEncoder.varint(bytes, 1, length);
      return bytes;
    }
  }
}
