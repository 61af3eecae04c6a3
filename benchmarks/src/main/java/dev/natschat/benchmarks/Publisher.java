package dev.natschat.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Publishes chat messages at a steady rate and counts those that the stream acknowledged. */
final class Publisher implements AutoCloseable {
  private static final String ACKNOWLEDGEMENTS = "_INBOX.publisher";

  private final WireClient client;
  private final int rate;
  private final long[] published;
  private final AtomicInteger acknowledged = new AtomicInteger();
  private final AtomicLong cpuNanos = new AtomicLong();
  private volatile long doneNanos;

  Publisher(String url, int rate, int messages) throws IOException {
    this.rate = rate;
    published = new long[messages];
    client = new WireClient(url);
    client.subscribe(ACKNOWLEDGEMENTS);
  }

  void start() {
    new Thread(this::publishAll, "publisher").start();
    new Thread(this::countAll, "acknowledgements").start();
  }

  private void publishAll() {
    try {
      long start = System.nanoTime();
      int sent = 0;
      while (sent < published.length) {
        int due = (int) Math.min(published.length, (System.nanoTime() - start) / 1e9 * rate + 1);
        for (; sent < due; sent++) {
          published[sent] = System.nanoTime();
          client.publish(
              "chat." + Backlog.room(sent),
              ACKNOWLEDGEMENTS,
              Backlog.traceparent(sent, Tracing.ALWAYS),
              Backlog.body(sent));
        }
        client.flush();
        TimeUnit.MILLISECONDS.sleep(1);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      addCpu();
    }
  }

  private void countAll() {
    try {
      while (acknowledged.get() < published.length) {
        client.next();
        acknowledged.incrementAndGet();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      addCpu();
      doneNanos = System.nanoTime();
    }
  }

  private void addCpu() {
    cpuNanos.addAndGet(ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime());
  }

  boolean isDone() {
    return doneNanos != 0;
  }

  int acknowledged() {
    return acknowledged.get();
  }

  /** When it was handed to the socket's buffer, at most 1 ms before it left. */
  long publishedNanos(int number) {
    return published[number];
  }

  double rate() {
    return published.length / ((doneNanos - published[0]) / 1e9);
  }

  long cpuNanos() {
    return cpuNanos.get();
  }

  @Override
  public void close() throws IOException {
    client.close();
  }
}
