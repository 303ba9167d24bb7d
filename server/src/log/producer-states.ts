// What a partition remembers of its idempotent producers, and the rule that decides by it (Kafka's ProducerStateEntry and
// ProducerAppendInfo). Two layers: what is durable, and what is staged ahead of it.
// Invariant: `restore` leaves exactly the durable layer, so the sequences of a failed generation are forgotten.

import { ProtocolError } from "@brooklet/protocol";
import type { StoredProducerState } from "../storage/storage.ts";

/** Kafka's ProducerStateEntry.NUM_BATCHES_TO_RETAIN. */
export const REMEMBERED_BATCHES = 5;
/** Producers remembered in one partition; the one that was silent longest is forgotten first. */
export const MAX_PRODUCERS_PER_PARTITION = 10_000;
const MAX_SEQUENCE = 2_147_483_647;

export interface RememberedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly logAppendTimeMs: number;
  /** Settles with the fate of the batch's turn; absent when it was durable before this start. */
  readonly verdict?: Promise<void>;
}

export interface ProducerState {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Oldest first, at most REMEMBERED_BATCHES. */
  readonly batches: readonly RememberedBatch[];
  /** Wall time. */
  readonly lastAppendMs: number;
}

export interface SequencedBatch {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

/** The sequence `increment` after `sequence`: 2147483647 is followed by 0. */
export function addToSequence(sequence: number, increment: number): number {
  return (sequence + increment) % (MAX_SEQUENCE + 1);
}

/**
 * Judges a batch by what is known of its producer.
 *
 * Shape: the remembered batch it repeats, or undefined when it is to be appended.
 * Errors: INVALID_PRODUCER_EPOCH (a newer epoch has written), OUT_OF_ORDER_SEQUENCE_NUMBER (a gap, a new epoch that does
 * not start at 0, or a repetition of something older than the remembered batches).
 * Source: Kafka 4, ProducerStateEntry.findDuplicateBatch and ProducerAppendInfo.checkSequence.
 */
export function judgeSequence(known: ProducerState | undefined, batch: SequencedBatch): RememberedBatch | undefined {
  if (known === undefined) return undefined;
  const who = `producer ${batch.producerId}`;
  if (batch.producerEpoch < known.producerEpoch)
    throw new ProtocolError(
      "INVALID_PRODUCER_EPOCH",
      `${who} writes with epoch ${batch.producerEpoch}, but epoch ${known.producerEpoch} has written already`,
      { context: { expectedEpoch: known.producerEpoch } },
    );
  if (batch.producerEpoch > known.producerEpoch) {
    if (batch.firstSequence === 0) return undefined;
    throw new ProtocolError(
      "OUT_OF_ORDER_SEQUENCE_NUMBER",
      `${who} starts epoch ${batch.producerEpoch} with sequence ${batch.firstSequence}; a new epoch starts at 0`,
      { context: { expectedSequence: 0 } },
    );
  }
  const original = known.batches.find(
    ({ firstSequence, lastSequence }) => firstSequence === batch.firstSequence && lastSequence === batch.lastSequence,
  );
  if (original !== undefined) return original;
  const last = known.batches.at(-1);
  if (last === undefined) return undefined;
  const expected = addToSequence(last.lastSequence, 1);
  if (batch.firstSequence === expected) return undefined;
  throw new ProtocolError(
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
    `${who} sends sequences ${batch.firstSequence} to ${batch.lastSequence}, but ${expected} is next, and none of its latest ${known.batches.length} batches is the same`,
    { context: { expectedSequence: expected } },
  );
}

/** The state after an append; the caller has judged the batch. */
export function withBatch(
  known: ProducerState | undefined,
  batch: SequencedBatch,
  remembered: RememberedBatch,
  lastAppendMs: number,
): ProducerState {
  const earlier = known?.producerEpoch === batch.producerEpoch ? known.batches : [];
  return {
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    batches: [...earlier.slice(1 - REMEMBERED_BATCHES), remembered],
    lastAppendMs,
  };
}

/** The producers of one partition. */
export class ProducerStates {
  /** In the order of the last durable append. */
  readonly #durable = new Map<number, ProducerState>();
  readonly #staged = new Map<number, ProducerState>();

  get(producerId: number): ProducerState | undefined {
    return this.#staged.get(producerId) ?? this.#durable.get(producerId);
  }

  stage(state: ProducerState): void {
    this.#staged.set(state.producerId, state);
  }

  /** Makes a staged (or loaded) state the durable one. */
  commit(state: ProducerState): void {
    this.#durable.delete(state.producerId);
    this.#durable.set(state.producerId, state);
    if (this.#staged.get(state.producerId) === state) this.#staged.delete(state.producerId);
  }

  restore(): void {
    this.#staged.clear();
  }

  /** Durable producers without a staged append that are silent since before `sinceMs`, or too many; oldest first. */
  *overdue(sinceMs: number): Generator<number, void, undefined> {
    let excess = this.#durable.size - MAX_PRODUCERS_PER_PARTITION;
    for (const { producerId, lastAppendMs } of this.#durable.values()) {
      if (lastAppendMs >= sinceMs && excess <= 0) return;
      excess--;
      if (!this.#staged.has(producerId)) yield producerId;
    }
  }

  /** Forgets a producer whose removal is staged; the durable row follows. */
  forget(producerId: number): void {
    this.#durable.delete(producerId);
  }

  get size(): number {
    return this.#durable.size;
  }
}

export function toStored(partitionId: number, state: ProducerState): StoredProducerState {
  return {
    partitionId,
    producerId: state.producerId,
    producerEpoch: state.producerEpoch,
    batches: state.batches.map(({ firstSequence, lastSequence, baseOffset, lastOffset, logAppendTimeMs }) => ({
      firstSequence,
      lastSequence,
      baseOffset,
      lastOffset,
      logAppendTimeMs,
    })),
    lastAppendMs: state.lastAppendMs,
  };
}
