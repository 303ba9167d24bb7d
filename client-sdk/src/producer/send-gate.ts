// Where sends wait before they are in a batch: for a topic's metadata, or for room in `buffer.memory`; at most `max.block.ms`.
// Invariant: the sends of one topic enter in the order of their calls; each is settled or let in.

import { invariant, type RecordData } from "@brooklet/protocol";
import type { Clock, Random, Timers } from "@brooklet/protocol/world";
import type { ProducerSettings } from "../config/producer.ts";
import { BrookletError, TimeoutError } from "../errors.ts";
import type { MetadataCache, TopicMetadata } from "../network/metadata.ts";
import { retrying } from "../network/retry.ts";
import type { Accumulator, Entry } from "./accumulator.ts";

/** Sends that wait; one more is refused at once, because a loop that never awaits would fill the memory. */
export const MAX_BLOCKED_SENDS = 1_000_000;
/** Waits end at most this much late: a timer per millisecond would be too many. */
const EXPIRY_GRAIN_MS = 10;

export interface SendGateOptions {
  readonly accumulator: Accumulator;
  readonly metadata: MetadataCache;
  readonly settings: ProducerSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  /** See BrokerClient. */
  readonly disconnected: () => string | undefined;
  /** Aborted when the producer closes. */
  readonly signal: AbortSignal;
  /** Lets a send into a batch. */
  readonly admit: (entry: Entry, metadata: TopicMetadata) => void;
  /** Somebody begins to wait for room: what lingers stands in the way. */
  readonly onFull: () => void;
}

interface BlockedSend {
  readonly entry: Entry;
  readonly deadlineMs: number;
  /** Rises with every send that has to wait. */
  readonly number: number;
}

/** Somebody who waits for all that waited at his call: up to `number`, so that later sends do not hold him up. */
interface Flusher {
  readonly number: number;
  left: number;
  readonly resolve: () => void;
}

interface BlockedTopic {
  readonly sends: Set<BlockedSend>;
  lastError: BrookletError | undefined;
  isLoading: boolean;
}

export class SendGate {
  readonly #options: SendGateOptions;
  readonly #byTopic = new Map<string, BlockedTopic>();
  readonly #forMemory = new Set<BlockedSend>();
  #blocked = 0;
  #lastNumber = 0;
  readonly #flushers = new Set<Flusher>();

  constructor(options: SendGateOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#blocked;
  }

  /** Lets the send in now if it can be, else makes it wait. */
  enter(entry: Entry): void {
    const { metadata, accumulator, settings, clock } = this.#options;
    const known = this.#byTopic.has(entry.topic) ? undefined : metadata.peek(entry.topic);
    const fits = known !== undefined && (entry.partition === undefined || entry.partition < known.partitionCount);
    if (fits && this.#forMemory.size === 0 && accumulator.hasRoomFor(entry.bytes)) {
      this.#options.admit(entry, known);
      return;
    }
    if (this.#blocked >= MAX_BLOCKED_SENDS) {
      entry.waiter.reject(
        new TimeoutError(`${MAX_BLOCKED_SENDS} sends wait for metadata or buffer.memory already: await some of them`, {
          code: "TIMEOUT",
        }),
      );
      return;
    }
    this.#blocked++;
    // What goes into a batch is copied there; what waits must not change either when the caller uses its buffers again.
    const kept = { ...entry, record: copyOf(entry.record) };
    const number = ++this.#lastNumber;
    const send: BlockedSend = { entry: kept, deadlineMs: clock.nowMs() + settings.maxBlockMs, number };
    if (fits) this.#waitForRoom(send);
    else this.#waitForTopic(send);
    this.#watch(settings.maxBlockMs);
  }

  /** Lets in who waits for memory, in order, while there is room. */
  onRoom(): void {
    const { accumulator, metadata } = this.#options;
    for (const send of this.#forMemory) {
      if (!accumulator.hasRoomFor(send.entry.bytes)) return;
      this.#forMemory.delete(send);
      const known = metadata.peek(send.entry.topic);
      if (known === undefined) this.#waitForTopic(send);
      else this.#admit(send, known);
    }
  }

  /** Resolves when nobody waits who waited at the call. */
  async emptied(): Promise<void> {
    if (this.#blocked === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#flushers.add({ number: this.#lastNumber, left: this.#blocked, resolve });
    await promise;
  }

  /** Rejects everybody. */
  close(error: () => BrookletError): void {
    for (const send of this.#all()) this.#reject(send, error());
    this.#byTopic.clear();
    this.#forMemory.clear();
  }

  *#all(): Iterable<BlockedSend> {
    for (const { sends } of this.#byTopic.values()) yield* sends;
    yield* this.#forMemory;
  }

  /** Whether somebody waits for room in `buffer.memory`. */
  get isFull(): boolean {
    return this.#forMemory.size > 0;
  }

  #waitForRoom(send: BlockedSend): void {
    this.#forMemory.add(send);
    if (this.#forMemory.size === 1) this.#options.onFull();
  }

  #waitForTopic(send: BlockedSend): void {
    const { topic } = send.entry;
    let blocked = this.#byTopic.get(topic);
    if (blocked === undefined) {
      blocked = { sends: new Set(), lastError: undefined, isLoading: false };
      this.#byTopic.set(topic, blocked);
    }
    blocked.sends.add(send);
    if (!blocked.isLoading) void this.#load(topic, blocked);
  }

  async #load(topic: string, blocked: BlockedTopic): Promise<void> {
    const { metadata, settings, clock, random, signal } = this.#options;
    const backoff = { initialMs: settings.retryBackoffMs, maxMs: settings.retryBackoffMaxMs };
    const options = { clock, random, backoff, signal, timeoutMs: settings.maxBlockMs, what: `metadata of ${topic}` };
    blocked.isLoading = true;
    try {
      while (blocked.sends.size > 0) {
        const known = await retrying(options, async ({ remainingMs }) => {
          try {
            return await metadata.load(topic, { timeoutMs: Math.min(remainingMs, settings.requestTimeoutMs) });
          } catch (error) {
            if (BrookletError.is(error)) blocked.lastError = error;
            throw error;
          }
        }).catch((error: unknown) => this.#refused(blocked, error));
        if (known !== undefined) this.#letIn(topic, blocked, known);
      }
    } finally {
      blocked.isLoading = false;
      if (this.#byTopic.get(topic) === blocked) this.#byTopic.delete(topic);
    }
  }

  /** What can be cured waits until its own time is over; anything else is the answer. */
  #refused(blocked: BlockedTopic, error: unknown): undefined {
    invariant(BrookletError.is(error), "asking for metadata fails with an error of ours");
    if (error.retriable && !error.fatal) return;
    for (const send of blocked.sends) {
      blocked.sends.delete(send);
      this.#reject(send, error);
    }
  }

  #letIn(topic: string, blocked: BlockedTopic, known: TopicMetadata): void {
    for (const send of blocked.sends) {
      const { partition, bytes } = send.entry;
      blocked.sends.delete(send);
      if (partition !== undefined && partition >= known.partitionCount) {
        this.#reject(send, noSuchPartition(topic, partition, known.partitionCount));
      } else if (this.#forMemory.size > 0 || !this.#options.accumulator.hasRoomFor(bytes)) {
        this.#waitForRoom(send);
      } else {
        this.#admit(send, known);
      }
    }
  }

  #admit(send: BlockedSend, known: TopicMetadata): void {
    this.#left(send);
    this.#options.admit(send.entry, known);
  }

  #reject(send: BlockedSend, error: BrookletError): void {
    this.#left(send);
    send.entry.waiter.reject(error);
  }

  #left({ number }: BlockedSend): void {
    this.#blocked--;
    for (const flusher of this.#flushers) {
      if (number > flusher.number || --flusher.left > 0) continue;
      this.#flushers.delete(flusher);
      flusher.resolve();
    }
  }

  #watch(delayMs: number): void {
    const { timers } = this.#options;
    if (!timers.has("block")) timers.schedule("block", delayMs, () => this.#expire());
  }

  #expire(): void {
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    const expireIn = (sends: Set<BlockedSend>, error: (send: BlockedSend) => BrookletError) => {
      for (const send of sends) {
        nextMs = Math.min(nextMs, send.deadlineMs > nowMs ? send.deadlineMs : nextMs);
        if (send.deadlineMs > nowMs) continue;
        sends.delete(send);
        this.#reject(send, error(send));
      }
    };
    for (const [topic, { sends, lastError }] of this.#byTopic)
      expireIn(sends, () => this.#noMetadata(topic, lastError));
    expireIn(this.#forMemory, ({ entry }) => this.#noRoom(entry));
    if (Number.isFinite(nextMs)) this.#watch(Math.max(EXPIRY_GRAIN_MS, nextMs - nowMs));
  }

  #noMetadata(topic: string, cause: BrookletError | undefined): TimeoutError {
    const { settings, disconnected } = this.#options;
    const { maxBlockMs } = settings;
    const why = cause?.message ?? disconnected() ?? "the broker has not answered";
    return new TimeoutError(`topic ${topic} was not known within max.block.ms (${maxBlockMs} ms): ${why}`, {
      code: "TIMEOUT",
      ...(cause === undefined ? {} : { cause, context: { lastError: cause.code } }),
      ...(cause?.hint === undefined ? {} : { hint: cause.hint }),
    });
  }

  #noRoom({ topic, bytes }: Entry): TimeoutError {
    const { maxBlockMs, bufferMemory } = this.#options.settings;
    return new TimeoutError(
      `a record of ${bytes} bytes for ${topic} found no room in buffer.memory (${bufferMemory} bytes) within max.block.ms (${maxBlockMs} ms)`,
      { code: "TIMEOUT", hint: "await sends as you go, raise buffer.memory, or see why the broker is slow" },
    );
  }
}

function copyOf({ key, value, headers, timestamp }: RecordData): RecordData {
  // Not `slice`: a Buffer's is a view.
  const copy = (data: Uint8Array | null) => (data === null ? null : new Uint8Array(data));
  const copied = headers.map((header) => ({ key: header.key, value: copy(header.value) }));
  return { key: copy(key), value: copy(value), headers: copied, timestamp };
}

function noSuchPartition(topic: string, partition: number, count: number): BrookletError {
  return new BrookletError(
    `UNKNOWN_TOPIC_OR_PARTITION: ${topic} has ${count} partition(s), so there is no partition ${partition}`,
    { code: "UNKNOWN_TOPIC_OR_PARTITION", context: { topic, partition, partitions: count } },
  );
}
