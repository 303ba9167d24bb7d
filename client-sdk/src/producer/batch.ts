// A batch of the producer: the bytes that will travel, and the promises that wait for them. Which batch goes when is the
// partition queue's business. Invariant: its promises settle once, in the order of the records.
// With compression a closed batch is packed before it can be encoded; its uncompressed bytes stay until it is decided,
// because it may have to be split.

import {
  BATCH_HEADER_BYTES,
  BatchBuilder,
  type CodecName,
  compressBatch,
  decodeBatch,
  estimateRecordBytes,
  invariant,
  NO_PRODUCER,
  type RecordData,
  setProducer,
} from "@brooklet/protocol";
import type { BrookletError } from "../errors.ts";
import type { RecordMetadata } from "../produced.ts";
import type { Outcome, ProducerIdentity, QueuedBatch } from "./partition-queue.ts";

/** What waits for one record. */
export interface Waiter {
  resolve(metadata: RecordMetadata): void;
  reject(error: unknown): void;
}

export class ProducerBatch implements QueuedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly createdAtMs: number;
  readonly deadlineMs: number;
  state: QueuedBatch["state"] = "queued";
  attempts = 0;
  retryAtMs = 0;
  isIndefinite = false;
  lastError: BrookletError | undefined;
  sequence = -1;
  outcome: Outcome | undefined;
  /** Of `buffer.memory`; given back when it is decided. */
  reservedBytes = 0;
  readonly #builder: BatchBuilder;
  readonly #timestamps: number[] = [];
  readonly #waiters: Waiter[] = [];
  #bytes: Uint8Array | undefined;
  /** Closed, and not compressed. */
  #raw: Uint8Array | undefined;
  #numberedFor = "";
  #decided: PromiseWithResolvers<void> | undefined;

  constructor(
    place: { topic: string; partition: number },
    times: { createdAtMs: number; deadlineMs: number },
    maxBytes: number,
  ) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.createdAtMs = times.createdAtMs;
    this.deadlineMs = times.deadlineMs;
    this.#builder = new BatchBuilder({ maxBytes });
  }

  get recordCount(): number {
    return this.#timestamps.length;
  }

  get sizeBytes(): number {
    return this.#bytes?.length ?? this.#builder.sizeBytes;
  }

  /** Adds a record, unless the batch is full or already closed. */
  tryAppend(record: RecordData, waiter: Waiter, reservedBytes: number): boolean {
    if (this.isClosed || !this.#builder.tryAppend(record)) return false;
    this.#timestamps.push(record.timestamp);
    this.#waiters.push(waiter);
    this.reservedBytes += reservedBytes;
    return true;
  }

  /** No record goes into it any more. */
  get isClosed(): boolean {
    return this.#raw !== undefined || this.#bytes !== undefined;
  }

  /** With compression: `encode` may be called. */
  get isPacked(): boolean {
    return this.#bytes !== undefined;
  }

  /** Closes the batch and compresses it, off this turn; once. What does not shrink stays as it is. */
  async pack(codec: CodecName, level: number | undefined): Promise<void> {
    invariant(!this.isClosed, "a batch is packed once");
    this.#raw = this.#builder.build();
    this.#bytes = await compressBatch(this.#raw, codec, level);
  }

  /** The bytes to send, closed at the first call and numbered anew whenever its number has changed. */
  encode(identity: ProducerIdentity | undefined): Uint8Array {
    const producerId = identity?.producerId ?? NO_PRODUCER;
    const producerEpoch = identity?.producerEpoch ?? NO_PRODUCER;
    const numbers = { producerId, producerEpoch, baseSequence: this.sequence };
    const numberedFor = `${producerId}/${producerEpoch}/${this.sequence}`;
    if (this.#bytes === undefined) this.#bytes = this.#builder.build(numbers);
    else if (this.#numberedFor !== numberedFor) setProducer(this.#bytes, numbers);
    this.#numberedFor = numberedFor;
    return this.#bytes;
  }

  /** Two batches of half the records each; only for a closed one of several records. */
  split(): ProducerBatch[] {
    const bytes = this.#raw ?? this.#bytes;
    invariant(bytes !== undefined && this.recordCount > 1, "only a sent batch of several records is split");
    const records = decodeBatch(bytes);
    const middle = records.length >> 1;
    const parts = [records.slice(0, middle), records.slice(middle)].map((half, index) => {
      const part = new ProducerBatch(this, this, Number.POSITIVE_INFINITY);
      const from = index * middle;
      half.forEach((record, at) => {
        const waiter = this.#waiters[from + at];
        if (waiter !== undefined) part.tryAppend(record, waiter, estimateRecordBytes(record));
      });
      return part;
    });
    // What was reserved is given back exactly once, however the estimates round.
    const [first, last] = parts;
    if (first !== undefined && last !== undefined) {
      last.reservedBytes = this.reservedBytes - first.reservedBytes;
      last.#decided = this.#decided;
    }
    return parts;
  }

  /** Settles when the batch is decided; never rejects. */
  decided(): Promise<void> {
    this.#decided ??= Promise.withResolvers<void>();
    return this.#decided.promise;
  }

  /** Tells everybody who waits. */
  settle(): void {
    const { outcome } = this;
    invariant(outcome !== undefined, "a batch is settled when it is decided");
    if ("error" in outcome) for (const waiter of this.#waiters) waiter.reject(outcome.error);
    else {
      const { baseOffset, logAppendTimeMs } = outcome;
      this.#waiters.forEach((waiter, index) => {
        waiter.resolve({
          topic: this.topic,
          partition: this.partition,
          // Without acknowledgement nobody knows.
          offset: baseOffset < 0 ? -1 : baseOffset + index,
          timestamp: logAppendTimeMs ?? this.#timestamps[index] ?? -1,
        });
      });
    }
    this.#decided?.resolve();
  }
}

/** What a batch with this record alone takes at most. */
export function loneBatchBytes(record: Omit<RecordData, "timestamp">): number {
  return BATCH_HEADER_BYTES + estimateRecordBytes(record);
}
