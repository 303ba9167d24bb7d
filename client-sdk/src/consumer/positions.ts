// What a consumer is subscribed to and where it stands in each assigned partition (Kafka: SubscriptionState). No I/O:
// resolver.ts finds positions, fetcher.ts reads from them, rebalance.ts changes what is assigned.
//
// Invariant: `version` rises whenever a position moves other than by records handed out, so what was fetched for an older
// one is never returned.

import { IllegalStateError, type OffsetAndMetadata, type TopicPartition } from "../errors.ts";
import type { AssignedPartition } from "./membership-states.ts";
import { nameOf } from "./types.ts";

export type ResetTo = "earliest" | "latest";

export interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  /** Pinned for the life of the assignment; "" until metadata told it to a manual one. */
  topicId: string;
  /** The next offset to hand out; undefined until it is resolved. */
  position: number | undefined;
  /** Of the last record handed out, or of the committed offset; -1: unknown. */
  leaderEpoch: number;
  /** What must be asked before the position is known. */
  need: "committed" | "reset" | undefined;
  /** Where a reset goes; undefined: by `auto.offset.reset`. */
  resetTo: ResetTo | undefined;
  paused: boolean;
  /** Being given up: nothing more is handed out. */
  revoking: boolean;
  /** Its assigned callback has not returned: nothing is fetched yet. */
  assigning: boolean;
  /** `position()` waits for it, also while it is being assigned. */
  wanted: boolean;
  /** Its topic is gone; a new assignment will tell. */
  halted: boolean;
  version: number;
  /** Not asked again before; after a refusal. */
  retryAtMs: number;
  /** In a row: the back-off grows with them (KIP-580). */
  refusals: number;
  highWatermark: number | undefined;
  lastStableOffset: number | undefined;
  /** The last offset that the broker has acknowledged as committed. */
  committed: number | undefined;
}

export class Positions {
  readonly #partitions = new Map<string, PartitionState>();
  readonly #onMoved: (state: PartitionState) => void;
  #versions = 0;
  /** The record that `for await` has handed out and whose body may still run: not finished. */
  #current: { state: PartitionState; offset: number } | undefined;

  /** `onMoved`: what was fetched for the partition is void. */
  constructor(onMoved: (state: PartitionState) => void) {
    this.#onMoved = onMoved;
  }

  get size(): number {
    return this.#partitions.size;
  }

  all(): IterableIterator<PartitionState> {
    return this.#partitions.values();
  }

  find(partition: TopicPartition): PartitionState | undefined {
    return this.#partitions.get(nameOf(partition));
  }

  /** Errors: ILLEGAL_STATE unless it is assigned. */
  get(partition: TopicPartition, what: string): PartitionState {
    const state = this.find(partition);
    if (state === undefined) {
      throw new IllegalStateError(`${what}: ${nameOf(partition)} is not assigned to this consumer`, {
        hint: "only assigned partitions have a position; see assignment()",
      });
    }
    return state;
  }

  assigned(): AssignedPartition[] {
    return [...this.#partitions.values()].map(({ topic, topicId, partition }) => ({ topic, topicId, partition }));
  }

  add({ topic, topicId = "", partition }: TopicPartition & { topicId?: string }, assigning: boolean): PartitionState {
    const state: PartitionState = {
      topic,
      partition,
      topicId,
      position: undefined,
      leaderEpoch: -1,
      need: "committed",
      resetTo: undefined,
      paused: false,
      revoking: false,
      assigning,
      wanted: false,
      halted: false,
      version: ++this.#versions,
      retryAtMs: 0,
      refusals: 0,
      highWatermark: undefined,
      lastStableOffset: undefined,
      committed: undefined,
    };
    this.#partitions.set(nameOf(state), state);
    return state;
  }

  remove(state: PartitionState): void {
    this.#partitions.delete(nameOf(state));
    this.#moved(state);
  }

  seek(state: PartitionState, offset: number, leaderEpoch = -1): void {
    if (this.#current?.state === state) this.#current = undefined;
    state.position = offset;
    state.leaderEpoch = leaderEpoch;
    state.need = undefined;
    state.resetTo = undefined;
    this.#moved(state);
  }

  /** Lazily: the next poll or position() asks where that is. */
  requestReset(state: PartitionState, to: ResetTo | undefined): void {
    if (this.#current?.state === state) this.#current = undefined;
    state.position = undefined;
    state.need = "reset";
    state.resetTo = to;
    state.retryAtMs = 0;
    this.#moved(state);
  }

  /** Nothing of it is handed out any more, and what was fetched is void. */
  startRevoking(state: PartitionState): void {
    if (state.revoking) return;
    state.revoking = true;
    this.#moved(state);
  }

  /** What was fetched, and what is on its way, is void: it is fetched again from the position. */
  refetch(state: PartitionState): void {
    this.#moved(state);
  }

  #moved(state: PartitionState): void {
    state.version = ++this.#versions;
    this.#onMoved(state);
  }

  /** `for await` hands this record out. */
  beginRecord(state: PartitionState, offset: number): void {
    this.#current = { state, offset };
  }

  /** The next record is asked for: the current one is finished. */
  finishRecord(): void {
    this.#current = undefined;
  }

  /** What an explicit commit() stores: every record that was handed out, the current one included. */
  handedOut(): OffsetAndMetadata[] {
    const offsets: OffsetAndMetadata[] = [];
    for (const state of this.#partitions.values()) {
      if (state.position !== undefined) offsets.push(offsetOf(state, state.position));
    }
    return offsets;
  }

  /** What an automatic commit stores: without the record whose `for await` body may still run. */
  finished(): OffsetAndMetadata[] {
    const current = this.#current;
    const offsets: OffsetAndMetadata[] = [];
    for (const state of this.#partitions.values()) {
      // Of a topic that is gone nothing can be stored.
      if (state.position === undefined || state.halted) continue;
      const unfinished = current !== undefined && current.state === state;
      offsets.push(offsetOf(state, unfinished ? current.offset : state.position));
    }
    return offsets;
  }
}

function offsetOf(state: PartitionState, offset: number): OffsetAndMetadata {
  const { topic, partition, leaderEpoch } = state;
  return leaderEpoch < 0 ? { topic, partition, offset } : { topic, partition, offset, leaderEpoch };
}
