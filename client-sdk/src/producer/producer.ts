// The Producer of contract.d.ts: what an application calls. Sends are serialized here, wait in the gate, are collected by the
// accumulator and sent by the sender. Transactions are not there yet.
// Invariant: every promise that `send` gives settles: by the answer, by delivery.timeout.ms, by max.block.ms, or by close().

import { estimateRecordBytes } from "@brooklet/protocol";
import type { Timers } from "@brooklet/protocol/world";
import { type CallOptions, checkCallOptions } from "../call-options.ts";
import { type ProducerConfig, type ProducerSettings, parseProducerConfig } from "../config/producer.ts";
import {
  type BrookletError,
  ClosedError,
  IllegalStateError,
  type OffsetAndMetadata,
  RecordTooLargeError,
  TimeoutError,
  type TopicPartition,
} from "../errors.ts";
import { createBrokerClient } from "../network/broker-client.ts";
import type { BrokerClient } from "../network/client.ts";
import { linkSignals } from "../network/linked-signal.ts";
import { MetadataCache, type TopicMetadata } from "../network/metadata.ts";
import { abortError, backoffMs, retrying } from "../network/retry.ts";
import type { ProducerRecord, RecordMetadata } from "../produced.ts";
import { type ClientOptions, type ClientWorld, clientSurroundings } from "../world.ts";
import { Accumulator, type Entry } from "./accumulator.ts";
import { loneBatchBytes, type Waiter } from "./batch.ts";
import { Interceptors } from "./interceptors.ts";
import { checkTopic, toRecordData } from "./record.ts";
import { SendGate } from "./send-gate.ts";
import { Sender, toBrookletError } from "./sender.ts";

/** What sendOffsetsToTransaction will need of a consumer. */
interface GroupMetadata {
  groupId: string;
  memberId: string;
  memberEpoch: number;
  instanceId?: string;
}

/**
 * Sends records to topics.
 *
 * Idempotent by default: a record whose `send` resolved is stored exactly once, in the order of the calls per partition,
 * also across reconnects and restarts of the broker. A rejected one is certainly not stored if `error.definite`.
 * A topic that is deleted and created again: what is not acknowledged yet goes to the topic that bears the name when it is
 * sent, as in Kafka.
 * Source: Kafka, KafkaProducer.
 * Differs: `linger.ms` 0 and `batch.size` 262144 (docs/kafka-differences.md); a named partition that does not exist is refused
 * after one fresh look instead of after max.block.ms.
 */
export class Producer<K = Uint8Array, V = Uint8Array> implements AsyncDisposable {
  readonly #settings: ProducerSettings;
  readonly #world: ClientWorld;
  readonly #client: BrokerClient;
  readonly #metadata: MetadataCache;
  readonly #timers: Timers;
  readonly #accumulator: Accumulator;
  readonly #sender: Sender;
  readonly #gate: SendGate;
  readonly #interceptors: Interceptors;
  /** Ends what is being asked again. */
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  /** Throws ConfigError with all problems at once. Connects at the first call that needs the broker. */
  constructor(config: ProducerConfig<K, V>, options?: ClientOptions) {
    const settings = parseProducerConfig(config);
    const { world, logger } = clientSurroundings(options);
    for (const { option, why } of settings.ignoredOptions) logger.debug({ option }, `${option} has no effect: ${why}`);
    const { clock, random } = world;
    this.#settings = settings;
    this.#world = world;
    this.#timers = clock.timers();
    this.#interceptors = new Interceptors(settings.interceptorClasses, logger);
    this.#client = createBrokerClient({
      ...settings,
      connectTimeoutMs: settings.socketConnectionSetupTimeoutMs,
      pinCluster: true,
      world,
      logger,
    });
    const maxAgeMs = settings.metadataMaxAgeMs;
    this.#metadata = new MetadataCache({ client: this.#client, clock, maxAgeMs, allowAutoCreate: true });
    const policy = { initialMs: settings.retryBackoffMs, maxMs: settings.retryBackoffMaxMs };
    this.#accumulator = new Accumulator({
      bufferMemoryBytes: settings.bufferMemory,
      ignoreKeys: settings.partitionerIgnoreKeys,
      random,
      queue: {
        isIdempotent: settings.enableIdempotence,
        maxInLine: settings.maxInFlightRequestsPerConnection,
        maxRetries: settings.retries,
        deliveryTimeoutMs: settings.deliveryTimeoutMs,
        backoffMs: (failures) => backoffMs(policy, failures, random),
      },
    });
    const parts = {
      accumulator: this.#accumulator,
      metadata: this.#metadata,
      settings,
      clock,
      random,
      timers: this.#timers,
      signal: this.#closed.signal,
    };
    this.#sender = new Sender({
      ...parts,
      client: this.#client,
      logger,
      onRoom: () => this.#gate.onRoom(),
      isFull: () => this.#gate.isFull,
    });
    this.#gate = new SendGate({
      ...parts,
      disconnected: () => this.#client.disconnected,
      admit: (entry, metadata) => this.#admit(entry, metadata),
      onFull: () => this.#sender.wake(),
    });
  }

  /**
   * Puts a record on its way; many sends need not be awaited one by one.
   *
   * The record's bytes are taken at once: its buffers may be used again.
   * Shape: resolves with partition, offset (-1 with `acks: 0`) and timestamp once the broker has acknowledged it; the
   * sends of one partition settle in order. Waits up to max.block.ms for metadata and room in buffer.memory.
   * Errors: RecordTooLargeError and serialization errors at once; TimeoutError after delivery.timeout.ms; the broker's.
   */
  send(record: ProducerRecord<K, V>): Promise<RecordMetadata> {
    return new Promise((resolve, reject) => {
      if (this.#interceptors.isEmpty) this.#send(record, { resolve, reject });
      else {
        const intercepted = this.#interceptors.onSend(record);
        this.#send(intercepted, this.#acknowledging(intercepted, { resolve, reject }));
      }
    });
  }

  #send(record: ProducerRecord<K, V>, waiter: Waiter): void {
    const { keySerializer, valueSerializer } = this.#settings;
    try {
      this.#mustBeOpen("send");
      const data = toRecordData(record, { key: keySerializer, value: valueSerializer }, this.#world.clock);
      const bytes = estimateRecordBytes(data);
      this.#checkSize(record.topic, loneBatchBytes(data), bytes);
      const { topic, partition } = record;
      this.#gate.enter({ topic, partition, record: data, bytes, waiter });
    } catch (error) {
      waiter.reject(error);
    }
  }

  /** The interceptors hear first what the caller of `send` hears. */
  #acknowledging(record: ProducerRecord<K, V> | null, { resolve, reject }: Waiter): Waiter {
    const { topic = "", partition = -1, timestamp = -1 } = record ?? {};
    return {
      resolve: (metadata) => {
        this.#interceptors.onAcknowledgement({ ...metadata }, null);
        resolve(metadata);
      },
      reject: (error) => {
        const failure = toBrookletError(error);
        this.#interceptors.onAcknowledgement({ topic, partition, offset: -1, timestamp }, failure);
        reject(error);
      },
    };
  }

  #mustBeOpen(call: string): void {
    if (this.#closing !== undefined) throw new ClosedError(`${call}: the producer was closed`, { code: "CLOSED" });
    const { fatalError } = this.#client;
    if (fatalError !== undefined) throw fatalError;
  }

  #checkSize(topic: string, batchBytes: number, bytes: number): void {
    const { maxRequestSize, bufferMemory } = this.#settings;
    // Compressed it may be smaller: then the broker says.
    const isCompressed = this.#settings.compressionType !== "none";
    const maxBatchBytes = (isCompressed ? undefined : this.#client.limits?.maxBatchBytes) ?? Number.POSITIVE_INFINITY;
    const tooLarge = (size: number, limit: number, name: string) =>
      new RecordTooLargeError(`a record for ${topic} takes ${size} bytes; ${name} allows ${limit}. Nothing was sent.`, {
        code: "MESSAGE_TOO_LARGE",
        context: { bytes: size, limit },
      });
    if (batchBytes > maxRequestSize) throw tooLarge(batchBytes, maxRequestSize, "max.request.size");
    if (bytes > bufferMemory) throw tooLarge(bytes, bufferMemory, "buffer.memory");
    if (batchBytes > maxBatchBytes) throw tooLarge(batchBytes, maxBatchBytes, "the broker's message.max.bytes");
  }

  #admit(entry: Entry, metadata: TopicMetadata): void {
    const { batchSize, maxRequestSize } = this.#settings;
    const maxBatchBytes = Math.min(batchSize, maxRequestSize, this.#client.limits?.maxBatchBytes ?? batchSize);
    const begun = this.#accumulator.append(entry, metadata.partitionCount, maxBatchBytes, this.#world.clock.nowMs());
    if (begun !== undefined) this.#sender.watch(begun.deadlineMs);
    this.#sender.wake();
  }

  /**
   * Waits until every record sent before the call is acknowledged or has failed; nothing lingers meanwhile.
   *
   * Errors: TimeoutError after `timeoutMs`, ABORTED; the records go on. Failed records reject their own `send`, not this.
   */
  async flush(options: CallOptions = {}): Promise<void> {
    checkCallOptions("flush", options);
    this.#mustBeOpen("flush");
    const { timeoutMs, signal } = options;
    await this.#within("flush", () => this.#sender.hurry(() => this.#allDecided()), timeoutMs, signal);
  }

  async #allDecided(): Promise<void> {
    await this.#gate.emptied();
    const batches = [...this.#accumulator.active].flatMap((queue) => [...queue.undecided()]);
    await Promise.all(batches.map((batch) => batch.decided()));
  }

  async #within<T>(
    call: string,
    work: () => Promise<T>,
    timeoutMs: number | undefined,
    signal?: AbortSignal,
  ): Promise<T> {
    if (signal?.aborted) throw abortError(call, signal, false);
    const timers = this.#world.clock.timers();
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = () => signal !== undefined && reject(abortError(call, signal, false));
    signal?.addEventListener("abort", onAbort, { once: true });
    if (timeoutMs !== undefined) {
      timers.schedule("limit", timeoutMs, () =>
        reject(new TimeoutError(`${call} did not finish within ${timeoutMs} ms`, { code: "TIMEOUT", definite: false })),
      );
    }
    try {
      return await Promise.race([work(), promise]);
    } finally {
      timers.close();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * The partitions of a topic; a missing one is created if the broker's auto.create.topics.enable allows it.
   *
   * Errors: INVALID_TOPIC_EXCEPTION; TimeoutError after max.block.ms, or `timeoutMs`; ABORTED.
   */
  async partitionsFor(topic: string, options: CallOptions = {}): Promise<TopicPartition[]> {
    const call = "partitionsFor";
    checkCallOptions(call, options);
    this.#mustBeOpen(call);
    checkTopic(topic);
    const { retryBackoffMs, retryBackoffMaxMs, maxBlockMs, requestTimeoutMs } = this.#settings;
    const { timeoutMs = maxBlockMs, signal } = options;
    const linked = linkSignals(this.#closed.signal, signal);
    const work = () =>
      retrying(
        {
          ...this.#world,
          backoff: { initialMs: retryBackoffMs, maxMs: retryBackoffMaxMs },
          timeoutMs,
          signal: linked.signal,
          what: `${call} ${topic}`,
        },
        ({ remainingMs }) => this.#metadata.load(topic, { timeoutMs: Math.min(remainingMs, requestTimeoutMs) }),
      );
    try {
      // The question is shared with others who ask for the topic: it goes on when this caller stops waiting.
      const { partitionCount } = await this.#within(call, work, undefined, linked.signal);
      return Array.from({ length: partitionCount }, (_, partition) => ({ topic, partition }));
    } finally {
      linked.release();
    }
  }

  initTransactions(): Promise<void> {
    return Promise.reject(noTransactions("initTransactions"));
  }

  beginTransaction(): void {
    throw noTransactions("beginTransaction");
  }

  sendOffsetsToTransaction(_offsets: OffsetAndMetadata[], _group: GroupMetadata): Promise<void> {
    return Promise.reject(noTransactions("sendOffsetsToTransaction"));
  }

  commitTransaction(): Promise<void> {
    return Promise.reject(noTransactions("commitTransaction"));
  }

  abortTransaction(): Promise<void> {
    return Promise.reject(noTransactions("abortTransaction"));
  }

  /**
   * Waits for what was sent, at most `timeoutMs` (default: as long as delivery.timeout.ms allows), then fails the rest
   * with ClosedError and ends the connection. A second call waits for the first.
   */
  close(options: { timeoutMs?: number } = {}): Promise<void> {
    try {
      checkCallOptions("close", options);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#closing ??= this.#close(options.timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number | undefined): Promise<void> {
    try {
      await this.#within("close", () => this.#sender.hurry(() => this.#allDecided()), timeoutMs);
    } catch (error) {
      if (!TimeoutError.is(error)) throw error;
    }
    this.#gate.close(() => closed(true));
    this.#sender.close(closed);
    this.#closed.abort(new ClosedError("the producer was closed", { code: "CLOSED" }));
    await this.#client.close();
    this.#timers.close();
    this.#interceptors.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function closed(definite: boolean): ClosedError {
  const how = definite ? "it is certainly not stored" : "it may or may not be stored";
  return new ClosedError(`the producer was closed before the record was acknowledged: ${how}`, {
    code: "CLOSED",
    definite,
  });
}

function noTransactions(call: string): BrookletError {
  return new IllegalStateError(
    `${call}: transactions are not there yet; an idempotent producer needs none of these calls`,
  );
}
