// Sends batches: fills a request whenever a slot is free, hears the answers, asks for the producer id, wakes when a retry
// or a linger is due. Which batch of a partition may go, and under which number, the partition queue decides.
// Invariant: at most `max.in.flight.requests.per.connection` requests are unanswered; each ends by its timeout.

import { type ApiResponse, invariant, ProtocolError } from "@brooklet/protocol";
import type { Clock, Random, Timers } from "@brooklet/protocol/world";
import type { ProducerSettings } from "../config/producer.ts";
import { BrookletError, fromWire } from "../errors.ts";
import type { BrokerClient, BrokerLimits } from "../network/client.ts";
import type { MetadataCache } from "../network/metadata.ts";
import { recoveryOf, retrying } from "../network/retry.ts";
import type { ClientLogger } from "../world.ts";
import type { Accumulator, BatchQueue } from "./accumulator.ts";
import type { ProducerBatch } from "./batch.ts";
import { MAX_PRODUCER_EPOCH, type ProducerIdentity } from "./partition-queue.ts";

/** Keeps the header of a request below its limit, whatever the topics are called. */
const MAX_PARTITIONS_PER_REQUEST = 1_000;
/** Room that a frame needs beside its batches. */
const FRAME_OVERHEAD_BYTES = 512 * 1024;
/** The codes that mean: the same records in smaller batches may pass. */
const SPLITTABLE: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

export interface SenderOptions {
  readonly client: BrokerClient;
  readonly accumulator: Accumulator;
  readonly metadata: MetadataCache;
  readonly settings: ProducerSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly logger: ClientLogger;
  /** Aborted when the producer closes. */
  readonly signal: AbortSignal;
  /** Memory was given back. */
  readonly onRoom: () => void;
  /** Somebody waits for memory: nothing lingers then (Kafka: RecordAccumulator, `exhausted`). */
  readonly isFull: () => boolean;
}

interface Item {
  readonly queue: BatchQueue;
  readonly batch: ProducerBatch;
  readonly topicId: string;
  readonly bytes: Uint8Array;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #loadingTopics = new Set<string>();
  #identity: ProducerIdentity | undefined;
  #isIdentifying = false;
  #inFlightRequests = 0;
  #isDrainQueued = false;
  #hurriers = 0;
  #isClosed = false;
  #expireAtMs = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Sends what may be sent at the end of this turn, so that the sends of one turn share their batches. */
  wake(): void {
    if (this.#isDrainQueued || this.#isClosed) return;
    this.#isDrainQueued = true;
    queueMicrotask(() => {
      this.#isDrainQueued = false;
      this.#drain();
    });
  }

  /** A batch waits: it has to be decided in time. */
  watch(deadlineMs: number): void {
    const { timers, clock } = this.#options;
    if (timers.has("expire") && this.#expireAtMs <= deadlineMs) return;
    this.#expireAtMs = deadlineMs;
    timers.schedule("expire", deadlineMs - clock.nowMs(), () => this.#expire());
  }

  /** While `run` lasts nothing lingers. */
  async hurry<T>(run: () => Promise<T>): Promise<T> {
    this.#hurriers++;
    this.wake();
    try {
      return await run();
    } finally {
      this.#hurriers--;
    }
  }

  /** Gives up everything; nothing is sent any more. */
  close(error: (definite: boolean) => BrookletError): void {
    this.#isClosed = true;
    const { accumulator } = this.#options;
    for (const queue of [...accumulator.active]) accumulator.settle(queue, queue.abandon(error));
  }

  #drain(): void {
    if (this.#isClosed) return;
    const { clock, timers, settings } = this.#options;
    const nowMs = clock.nowMs();
    let wakeAtMs = Number.POSITIVE_INFINITY;
    while (this.#inFlightRequests < settings.maxInFlightRequestsPerConnection) {
      const { items, nextAtMs } = this.#collect(nowMs);
      wakeAtMs = nextAtMs;
      if (items.length === 0) break;
      void this.#dispatch(items);
    }
    // With all slots taken, the next answer wakes.
    const isWaiting = Number.isFinite(wakeAtMs) && this.#inFlightRequests < settings.maxInFlightRequestsPerConnection;
    if (isWaiting) timers.schedule("wake", wakeAtMs - nowMs, () => this.#drain());
    else timers.cancel("wake");
  }

  /** One batch of every partition that has one ready, up to the size of a request. */
  #collect(nowMs: number): { items: Item[]; nextAtMs: number } {
    const { accumulator, metadata, settings } = this.#options;
    const maxBytes = this.#maxRequestBytes();
    const items: Item[] = [];
    let bytesSoFar = 0;
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const queue of [...accumulator.active]) {
      if (items.length >= MAX_PARTITIONS_PER_REQUEST) break;
      if (queue.needsIdentity && !this.#identify(queue)) continue;
      const batch = queue.peek();
      if (batch === undefined) continue;
      const readyAtMs = this.#readyAtMs(queue, batch);
      if (readyAtMs > nowMs) {
        nextAtMs = Math.min(nextAtMs, readyAtMs);
        continue;
      }
      const topicId = metadata.peek(batch.topic)?.topicId;
      if (topicId === undefined) {
        void this.#loadTopic(batch.topic);
        continue;
      }
      if (settings.compressionType !== "none" && !batch.isPacked) {
        this.#pack(queue, batch);
        continue;
      }
      if (items.length > 0 && bytesSoFar + batch.sizeBytes > maxBytes) break;
      bytesSoFar += batch.sizeBytes;
      queue.take(batch);
      accumulator.moveToEnd(queue);
      items.push({ queue, batch, topicId, bytes: batch.encode(queue.identity) });
    }
    return { items, nextAtMs };
  }

  /** Compresses the batch beside what else is to be done; it stays the next of its partition. */
  #pack(queue: BatchQueue, batch: ProducerBatch): void {
    // It is under way already.
    if (batch.isClosed) return;
    const { settings } = this.#options;
    batch.pack(settings.compressionType, compressionLevel(settings)).then(
      () => this.wake(),
      (error: unknown) => {
        // Meanwhile it may have been given up.
        if (this.#isClosed || batch.state === "done") return;
        queue.take(batch);
        this.#failed({ queue, batch }, toBrookletError(error));
        this.#options.onRoom();
        this.wake();
      },
    );
  }

  #maxRequestBytes(): number {
    const { client, settings } = this.#options;
    const limits: BrokerLimits | undefined = client.limits;
    if (limits === undefined) return settings.maxRequestSize;
    const granted = Math.min(limits.maxFramePayloadBytes, limits.maxInFlightRequestBytes - FRAME_OVERHEAD_BYTES);
    return Math.min(settings.maxRequestSize, granted);
  }

  #readyAtMs(queue: BatchQueue, batch: ProducerBatch): number {
    if (batch.state === "waiting") return batch.retryAtMs;
    const { lingerMs, batchSize } = this.#options.settings;
    const isFull = batch !== queue.newest || batch.isClosed || batch.sizeBytes >= batchSize;
    return isFull || this.#hurriers > 0 || this.#options.isFull() ? 0 : batch.createdAtMs + lingerMs;
  }

  async #dispatch(items: readonly Item[]): Promise<void> {
    const { client, settings, clock } = this.#options;
    this.#inFlightRequests++;
    const partitions = items.map(({ batch, topicId, bytes }) => ({
      topic: batch.topic,
      topicId,
      partition: batch.partition,
      bytes: bytes.length,
    }));
    // A request never outlives what it carries, so that a batch in flight needs no second timer.
    const leftMs = Math.min(...items.map(({ batch }) => batch.deadlineMs)) - clock.nowMs();
    try {
      const { header } = await client.request(
        "produce",
        { acks: settings.acks, partitions },
        {
          payload: items.map(({ bytes }) => bytes),
          timeoutMs: Math.max(1, Math.min(settings.requestTimeoutMs, leftMs)),
        },
      );
      this.#hear(items, header.results);
    } catch (error) {
      const failure = toBrookletError(error);
      for (const item of items) this.#failed(item, failure);
    }
    this.#inFlightRequests--;
    this.#options.onRoom();
    this.#drain();
  }

  #hear(items: readonly Item[], results: ApiResponse<"produce">["results"]): void {
    items.forEach((item, index) => {
      const { queue, batch } = item;
      const result = results[index];
      if (result === undefined || result.topic !== batch.topic || result.partition !== batch.partition) {
        this.#failed(item, notAnswered(queue.name));
      } else if (result.error === undefined) {
        const { baseOffset, logAppendTimeMs } = result;
        this.#settle(queue, queue.succeeded(batch, { baseOffset, logAppendTimeMs }));
      } else if (result.error.code === "DUPLICATE_SEQUENCE_NUMBER") {
        // It is stored, only the broker no longer knows where (Kafka: Sender.completeBatch).
        this.#settle(queue, queue.succeeded(batch, { baseOffset: -1, logAppendTimeMs: undefined }));
      } else {
        this.#failed(item, fromWire(result.error));
      }
    });
  }

  #failed({ queue, batch }: Pick<Item, "queue" | "batch">, error: BrookletError): void {
    const { metadata, logger, clock } = this.#options;
    if (batch.state !== "inFlight") return;
    if (recoveryOf(error) === "refreshMetadata") metadata.invalidate(batch.topic);
    logger.debug({ partition: queue.name, code: error.code, attempts: batch.attempts }, "a batch was not stored");
    this.watch(batch.deadlineMs);
    if (SPLITTABLE.has(error.code) && error.definite && !batch.isIndefinite && batch.recordCount > 1) {
      queue.replace(batch, batch.split());
      return;
    }
    const nowMs = clock.nowMs();
    const decided = queue.failed(batch, error, nowMs);
    this.#settle(queue, [...decided, ...queue.expire(nowMs, this.#options.client.disconnected)]);
  }

  #settle(queue: BatchQueue, decided: readonly ProducerBatch[]): void {
    this.#options.accumulator.settle(queue, decided);
  }

  #expire(): void {
    const { accumulator, clock, client } = this.#options;
    const nowMs = clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const queue of [...accumulator.active]) {
      this.#settle(queue, queue.expire(nowMs, client.disconnected));
      // Those in flight come back in time by themselves, and are judged then.
      nextMs = Math.min(nextMs, queue.nextDeadlineMs);
    }
    if (Number.isFinite(nextMs)) this.watch(nextMs);
    this.#options.onRoom();
    this.#drain();
  }

  /** Gives the queue the producer's id; false while there is none yet. */
  #identify(queue: BatchQueue): boolean {
    if (this.#identity !== undefined && this.#identity.producerId === queue.lastProducerId) {
      // This partition has used up all epochs of it.
      this.#identity = undefined;
    }
    if (this.#identity === undefined) {
      void this.#fetchIdentity();
      return false;
    }
    const producerEpoch = Math.max(this.#identity.producerEpoch, this.#options.accumulator.leastEpoch(this.#identity));
    if (producerEpoch > MAX_PRODUCER_EPOCH) {
      this.#identity = undefined;
      return this.#identify(queue);
    }
    queue.identify({ ...this.#identity, producerEpoch });
    return true;
  }

  async #fetchIdentity(): Promise<void> {
    if (this.#isIdentifying) return;
    this.#isIdentifying = true;
    const { client, settings } = this.#options;
    try {
      const { header } = await this.#retrying("initProducerId", (timeoutMs) =>
        client.request("initProducerId", {}, { timeoutMs: Math.min(timeoutMs, settings.requestTimeoutMs) }),
      );
      this.#identity = checkedIdentity(header);
    } catch (error) {
      this.#refuseAll(toBrookletError(error), (queue) => queue.needsIdentity);
    } finally {
      this.#isIdentifying = false;
    }
    this.wake();
  }

  async #loadTopic(topic: string): Promise<void> {
    if (this.#loadingTopics.has(topic)) return;
    this.#loadingTopics.add(topic);
    const { metadata, settings } = this.#options;
    try {
      await this.#retrying(`metadata of ${topic}`, (timeoutMs) =>
        metadata.load(topic, { timeoutMs: Math.min(timeoutMs, settings.requestTimeoutMs) }),
      );
    } catch (error) {
      const refusal = toBrookletError(error);
      this.#refuseAll(refusal, (queue) => queue.peek()?.topic === topic);
    } finally {
      this.#loadingTopics.delete(topic);
    }
    this.wake();
  }

  /** Within the time of a batch; what is still wanted then asks again. */
  #retrying<T>(what: string, ask: (timeoutMs: number) => Promise<T>): Promise<T> {
    const { clock, random, settings, signal } = this.#options;
    const backoff = { initialMs: settings.retryBackoffMs, maxMs: settings.retryBackoffMaxMs };
    const options = { clock, random, backoff, timeoutMs: settings.deliveryTimeoutMs, signal, what };
    return retrying(options, ({ remainingMs }) => ask(remainingMs));
  }

  /** A refusal that no repetition cures fails what depends on it; anything else is left to the batches' own deadlines. */
  #refuseAll(error: BrookletError, concerns: (queue: BatchQueue) => boolean): void {
    if (this.#isClosed || (error.retriable && !error.fatal)) return;
    for (const queue of [...this.#options.accumulator.active].filter(concerns)) {
      this.#settle(
        queue,
        queue.abandon(() => error),
      );
    }
    this.#options.onRoom();
  }
}

/** Numbers that fit no batch would be cut to others. */
function checkedIdentity({ producerId, producerEpoch }: ProducerIdentity): ProducerIdentity {
  if (producerId >= 0 && producerEpoch >= 0 && producerEpoch <= MAX_PRODUCER_EPOCH)
    return { producerId, producerEpoch };
  throw new BrookletError(
    `the broker's answer to initProducerId is malformed: producer id ${producerId} with epoch ${producerEpoch}`,
    { code: "UNKNOWN_SERVER_ERROR" },
  );
}

function notAnswered(name: string): BrookletError {
  return new BrookletError(`the broker's answer to produce says nothing of ${name}`, {
    code: "UNKNOWN_SERVER_ERROR",
    definite: false,
  });
}

/** What is thrown elsewhere than at the broker leaves the outcome open. */
export function toBrookletError(error: unknown): BrookletError {
  if (BrookletError.is(error)) return error;
  if (error instanceof ProtocolError) return fromWire(error.toWire());
  invariant(error instanceof Error, "only errors are thrown");
  return new BrookletError(error.message, { code: "UNKNOWN_SERVER_ERROR", definite: false, cause: error });
}

/** On the codec's own scale; undefined: its default. */
function compressionLevel(settings: ProducerSettings): number | undefined {
  if (settings.compressionType === "gzip") return settings.compressionGzipLevel;
  return settings.compressionType === "zstd" ? settings.compressionZstdLevel : undefined;
}
