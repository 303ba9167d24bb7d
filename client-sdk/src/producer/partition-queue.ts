// The batches of one partition on their way to the broker: a pure machine that numbers, orders, retries and gives up.
//
// `queue` holds batches that were never sent; `line` holds numbered ones whose fate is not known, in sequence order.
// Invariants (DESIGN.md section 4, hard place 10): what is behind in the line never passes what is before it; after a
// batch was given up, nothing new is numbered until its fate is known or the epoch was raised; a sequence is used for
// other records only if its batch certainly is not in the log. At most `maxInLine` batches are undecided at the broker,
// so it still remembers each of them and answers a repetition with the original's offsets.
// An epoch belongs to (producer, partition) at the broker, so each partition raises its own.

import { errorRow, invariant, isErrorCode } from "@brooklet/protocol";
import { type BrookletError, TimeoutError } from "../errors.ts";
import { indefinite } from "../network/retry.ts";

/** Kafka's producer epoch is an int16; after the last one a fresh producer id is needed. */
export const MAX_PRODUCER_EPOCH = 32_767;
const SEQUENCES = 2 ** 31;
const GONE: ReadonlySet<string> = new Set(["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID"]);

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export type Outcome =
  | { readonly baseOffset: number; readonly logAppendTimeMs: number | undefined }
  | { readonly error: BrookletError };

/** What the machine knows of a batch; the rest is the caller's. */
export interface QueuedBatch {
  readonly recordCount: number;
  readonly deadlineMs: number;
  /** queued: never sent; waiting: to be sent again; done: decided, but an earlier one is not yet. */
  state: "queued" | "inFlight" | "waiting" | "done";
  attempts: number;
  retryAtMs: number;
  /** An attempt may have been stored. */
  isIndefinite: boolean;
  /** Of the latest attempt that failed. */
  lastError?: BrookletError | undefined;
  /** The number of its first record; -1 before it is first sent, and without idempotence. */
  sequence: number;
  outcome: Outcome | undefined;
}

export interface PartitionQueueOptions {
  readonly isIdempotent: boolean;
  readonly maxInLine: number;
  /** Kafka's `retries`. */
  readonly maxRetries: number;
  readonly deliveryTimeoutMs: number;
  readonly backoffMs: (failures: number) => number;
}

/** The sequence after `count` records from `sequence` on; after 2147483647 comes 0. */
export function nextSequence(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCES;
}

export class PartitionQueue<B extends QueuedBatch> {
  readonly name: string;
  readonly #options: PartitionQueueOptions;
  readonly #line: B[] = [];
  readonly #queue: B[] = [];
  #identity: ProducerIdentity | undefined;
  #lastProducerId: number | undefined;
  #nextSequence = 0;
  /** Everything before it is in the log: after the newest batch that was acknowledged. */
  #provenSequence = 0;
  /** A numbered batch was given up: the sequences from there on may have a gap. */
  #hasGap = false;
  /** The broker has stored something under this numbering. */
  #isKnown = false;
  /** The broker has told the first in line that the sequences do not fit. */
  #mustRaiseEpoch = false;

  /** `name` is for messages: topic-partition. */
  constructor(name: string, options: PartitionQueueOptions) {
    this.name = name;
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#line.length === 0 && this.#queue.length === 0;
  }

  get identity(): ProducerIdentity | undefined {
    return this.#identity;
  }

  /** The producer id that was numbered with last, also when its epochs are used up. */
  get lastProducerId(): number | undefined {
    return this.#lastProducerId;
  }

  /** Nothing can be sent before `identify`. */
  get needsIdentity(): boolean {
    return this.#options.isIdempotent && this.#identity === undefined;
  }

  /** The newest batch that was never sent: more records may still go into it. */
  get newest(): B | undefined {
    return this.#queue[this.#queue.length - 1];
  }

  /** All that is not decided, in order. */
  *undecided(): Iterable<B> {
    for (const batch of this.#line) if (batch.state !== "done") yield batch;
    yield* this.#queue;
  }

  /** When the next one has to be given up; what is in flight has a time of its own. */
  get nextDeadlineMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { state, deadlineMs } of this.undecided())
      if (state !== "inFlight") nextMs = Math.min(nextMs, deadlineMs);
    return nextMs;
  }

  push(batch: B): void {
    this.#queue.push(batch);
  }

  /** Gives the producer id and epoch to number with; the sequences begin at 0. */
  identify(identity: ProducerIdentity): void {
    this.#identity = identity;
    this.#lastProducerId = identity.producerId;
    this.#renumber();
  }

  /** The batch that may be sent next, without taking it; undefined if none may. `retryAtMs` may lie ahead. */
  peek(): B | undefined {
    const maxInLine = this.#maxInLine();
    if (this.needsIdentity || this.#mustRaiseEpoch) return undefined;
    const firstUndecided = this.#line.findIndex(({ state }) => state !== "done");
    for (let at = Math.max(0, firstUndecided); at < this.#line.length; at++) {
      const batch = this.#line[at];
      // What may be in the log must stay among the batches that the broker remembers.
      if (batch?.state === "waiting") return at - firstUndecided < maxInLine ? batch : undefined;
    }
    if (this.#hasGap || this.#line.length >= maxInLine) return undefined;
    return this.#queue[0];
  }

  /**
   * A broker that knows nothing of a producer accepts any first sequence (SEMANTICS.md 3.3): were the first batch refused
   * for the moment, the second would pass it. So the first of a numbering goes alone.
   */
  #maxInLine(): number {
    return this.#options.isIdempotent && !this.#isKnown ? 1 : this.#options.maxInLine;
  }

  /** Marks the batch that `peek` gave as sent; a new one is numbered. */
  take(batch: B): void {
    if (batch === this.#queue[0]) {
      this.#queue.shift();
      this.#line.push(batch);
      if (this.#options.isIdempotent) {
        batch.sequence = this.#nextSequence;
        this.#nextSequence = nextSequence(batch.sequence, batch.recordCount);
      }
    }
    invariant(batch.state === "queued" || batch.state === "waiting", "only what waits is sent");
    batch.state = "inFlight";
    batch.attempts++;
  }

  /** The broker has stored it. Returns what is decided now, in order. */
  succeeded(batch: B, outcome: { baseOffset: number; logAppendTimeMs: number | undefined }): B[] {
    if (batch.state !== "inFlight") return [];
    batch.state = "done";
    batch.outcome = outcome;
    this.#isKnown = true;
    return this.#settle();
  }

  /** An attempt failed. Retries, waits for its turn, or gives up; returns what is decided now, in order. */
  failed(batch: B, error: BrookletError, nowMs: number): B[] {
    if (batch.state !== "inFlight") return [];
    batch.state = "waiting";
    batch.isIndefinite ||= !error.definite;
    batch.lastError = error;
    // A topic that was deleted and created again has forgotten its producers.
    if (GONE.has(error.code)) this.#isKnown = false;
    const asksForEpoch =
      this.#options.isIdempotent && isErrorCode(error.code) && errorRow(error.code).recovery === "bumpEpoch";
    if (asksForEpoch) {
      const isFirst = this.#line.find(({ state }) => state !== "done") === batch;
      // One behind another that is not decided may only be early: it goes again after that one.
      if (isFirst) this.#mustRaiseEpoch = true;
    } else if (!error.retriable || error.fatal || batch.attempts > this.#options.maxRetries) {
      this.#giveUp(batch, error);
      return this.#settle();
    }
    batch.retryAtMs = nowMs + this.#options.backoffMs(batch.attempts);
    return this.#settle();
  }

  /**
   * The batch was refused as too large, so certainly not stored: its parts take its place, and its sequences.
   * They count as sent, for those behind are numbered after them.
   */
  replace(batch: B, parts: readonly B[]): void {
    const at = this.#line.indexOf(batch);
    invariant(at >= 0 && batch.state === "inFlight", "only what was sent can turn out too large");
    let sequence = batch.sequence;
    for (const part of parts) {
      part.state = "waiting";
      part.retryAtMs = batch.retryAtMs;
      if (sequence < 0) continue;
      part.sequence = sequence;
      sequence = nextSequence(sequence, part.recordCount);
    }
    this.#line.splice(at, 1, ...parts);
  }

  /** Gives up what is past its deadline and not in flight, of which `why` says what held it up. Returns what is decided now, in order. */
  expire(nowMs: number, why?: string): B[] {
    const late = [...this.undecided()].filter(({ state, deadlineMs }) => state !== "inFlight" && deadlineMs <= nowMs);
    return this.#giveUpAll(late, (batch, definite) => this.#deliveryTimeout(batch, definite, why));
  }

  /** Gives up everything. Returns what is decided now, in order. */
  abandon(error: (definite: boolean) => BrookletError): B[] {
    return this.#giveUpAll([...this.undecided()], (_, definite) => error(definite));
  }

  #giveUpAll(batches: readonly B[], error: (batch: B, definite: boolean) => BrookletError): B[] {
    for (const batch of batches) this.#giveUp(batch, error(batch, batch.state !== "inFlight" && !batch.isIndefinite));
    return this.#settle();
  }

  #giveUp(batch: B, error: BrookletError): void {
    const wasInFlight = batch.state === "inFlight";
    const wasNumbered = batch.sequence >= 0;
    const certainlyNotStored = error.definite && !wasInFlight && !batch.isIndefinite;
    if (batch.state === "queued") {
      this.#queue.splice(this.#queue.indexOf(batch), 1);
      this.#line.push(batch);
    }
    batch.state = "done";
    batch.outcome = { error: certainlyNotStored ? error : indefinite(error) };
    if (!wasNumbered) return;
    if (certainlyNotStored && !this.#hasGap && this.#lastNumbered() === batch) {
      this.#nextSequence = batch.sequence;
      batch.sequence = -1;
    } else {
      this.#hasGap = true;
    }
  }

  #lastNumbered(): B | undefined {
    return this.#line.findLast(({ sequence }) => sequence >= 0);
  }

  #deliveryTimeout({ lastError, recordCount }: B, definite: boolean, why: string | undefined): BrookletError {
    const how = definite ? "certainly not stored" : "sent and not answered, so it may or may not be stored";
    const reason = lastError === undefined ? why : `the last failure: ${lastError.message}`;
    return new TimeoutError(
      `${recordCount} record(s) for ${this.name} were not delivered within delivery.timeout.ms (${this.#options.deliveryTimeoutMs} ms): ${how}${reason === undefined ? "" : `; ${reason}`}`,
      {
        code: "TIMEOUT",
        definite,
        ...(lastError === undefined ? {} : { cause: lastError, context: { lastError: lastError.code } }),
        ...(lastError?.hint === undefined ? {} : { hint: lastError.hint }),
      },
    );
  }

  /** Hands out decided batches from the front, and closes a gap once nobody can fall into it. */
  #settle(): B[] {
    const decided: B[] = [];
    while (this.#line[0]?.state === "done") {
      const batch = this.#line.shift();
      if (batch === undefined) break;
      if (batch.sequence >= 0 && batch.outcome !== undefined && "baseOffset" in batch.outcome) {
        this.#provenSequence = nextSequence(batch.sequence, batch.recordCount);
      }
      decided.push(batch);
    }
    if (this.#line.length === 0 && this.#hasGap) {
      // A batch behind the one given up was stored, so that one is too: the sequences go on.
      if (this.#provenSequence === this.#nextSequence) this.#hasGap = false;
      else this.#mustRaiseEpoch = true;
    }
    // Those in flight still carry the old numbers: first hear what became of them.
    if (this.#mustRaiseEpoch && !this.#line.some(({ state }) => state === "inFlight")) this.#raiseEpoch();
    return decided;
  }

  #raiseEpoch(): void {
    const identity = this.#identity;
    if (identity === undefined) return;
    const isExhausted = identity.producerEpoch >= MAX_PRODUCER_EPOCH;
    this.#identity = isExhausted ? undefined : { ...identity, producerEpoch: identity.producerEpoch + 1 };
    this.#renumber();
  }

  /** Only when nothing in the line can be in the log: the first in line was told so, and the others follow it. */
  #renumber(): void {
    this.#mustRaiseEpoch = false;
    this.#hasGap = false;
    this.#isKnown = false;
    this.#nextSequence = 0;
    this.#provenSequence = 0;
    for (const batch of this.#line) {
      if (batch.state === "done") continue;
      batch.sequence = this.#nextSequence;
      this.#nextSequence = nextSequence(batch.sequence, batch.recordCount);
    }
  }
}
