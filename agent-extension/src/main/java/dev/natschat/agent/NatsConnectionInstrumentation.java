package dev.natschat.agent;

import io.nats.client.Connection;
import io.nats.client.Message;
import io.nats.client.MessageHandler;
import io.nats.client.impl.Headers;
import io.nats.client.support.NatsRequestCompletableFuture;
import io.opentelemetry.context.Scope;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.asm.Advice.AssignReturned.ToArguments.ToArgument;
import net.bytebuddy.implementation.bytecode.assign.Assigner.Typing;
import org.jspecify.annotations.Nullable;

/**
 * Every message leaves through {@code publishInternal}; every reply arrives at {@code
 * deliverReply}.
 */
final class NatsConnectionInstrumentation extends HookedType {
  NatsConnectionInstrumentation() {
    super("io.nats.client.impl.NatsConnection");
    String string = "java.lang.String";
    String headers = "io.nats.client.impl.Headers";
    hook(Publish.class, "publishInternal", string, string, headers, "byte[]");
    hookResult(
        "io.nats.client.Message", Request.class, "requestInternal", string, headers, "byte[]");
    hookResult(
        "java.util.concurrent.CompletableFuture",
        RequestFuture.class,
        "requestFutureInternal",
        string,
        headers,
        "byte[]");
    hook(Reply.class, "deliverReply", "io.nats.client.Message");
    reads("responsesAwaiting", "java.util.Map");
    hook(Connect.class, "connect", "boolean");
    hook(Close.class, "close", "boolean");
    hook(SlowConsumer.class, "processSlowConsumer", "io.nats.client.Consumer");
    hook(DefaultHandler.class, "createDispatcher", "io.nats.client.MessageHandler");
  }

  public static final class Publish {
    private Publish() {}

    @Advice.AssignReturned.ToArguments(@ToArgument(value = 2, index = 0, typing = Typing.DYNAMIC))
    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static Object @Nullable [] onEnter(
        @Advice.This Connection connection,
        @Advice.Argument(0) String subject,
        @Advice.Argument(1) String replyTo,
        @Advice.Argument(2) Headers headers,
        @Advice.Argument(3) byte[] body) {
      return Hooks.publishBegins(connection, subject, replyTo, headers, body);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter Object @Nullable [] begun, @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.publishEnds(begun, thrown);
    }
  }

  public static final class Request {
    private Request() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Object onEnter(
        @Advice.This Connection connection,
        @Advice.Argument(0) String subject,
        @Advice.Argument(2) byte[] body) {
      return Hooks.requestBegins(connection, subject, body, true);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter @Nullable Object begun,
        @Advice.Return @Nullable Message reply,
        @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.requestEnds(begun, reply, thrown);
    }
  }

  public static final class RequestFuture {
    private RequestFuture() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Object onEnter(
        @Advice.This Connection connection,
        @Advice.Argument(0) String subject,
        @Advice.Argument(2) byte[] body) {
      return Hooks.requestBegins(connection, subject, body, false);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.Enter @Nullable Object begun,
        @Advice.Return @Nullable CompletableFuture<Message> future,
        @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.requestFutureReturned(begun, future, thrown);
    }
  }

  public static final class Reply {
    private Reply() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable Scope onEnter(
        @Advice.Argument(0) Message reply,
        @Advice.FieldValue("responsesAwaiting")
            Map<String, NatsRequestCompletableFuture> awaiting) {
      return Hooks.replyArrives(reply, awaiting);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(@Advice.Enter @Nullable Scope scope) {
      Hooks.close(scope);
    }
  }

  public static final class Connect {
    private Connect() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static void onEnter(@Advice.This Connection connection) {
      Hooks.connects(connection);
    }

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(
        @Advice.This Connection connection, @Advice.Thrown @Nullable Throwable thrown) {
      Hooks.connectEnds(connection, thrown);
    }
  }

  public static final class Close {
    private Close() {}

    @Advice.OnMethodExit(suppress = Throwable.class, onThrowable = Throwable.class, inline = false)
    public static void onExit(@Advice.This Connection connection) {
      Hooks.closed(connection);
    }
  }

  public static final class SlowConsumer {
    private SlowConsumer() {}

    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static void onEnter(@Advice.This Connection connection) {
      Hooks.slowConsumer(connection);
    }
  }

  public static final class DefaultHandler {
    private DefaultHandler() {}

    @Advice.AssignReturned.ToArguments(@ToArgument(0))
    @Advice.OnMethodEnter(suppress = Throwable.class, inline = false)
    public static @Nullable MessageHandler onEnter(
        @Advice.Argument(0) @Nullable MessageHandler handler) {
      return Hooks.handlerSubscribes(handler);
    }
  }
}
