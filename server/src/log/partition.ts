// One partition: how far it is assigned (log end), how far it is durable (high watermark), how far transactions are
// decided (last stable offset), and where it begins (log start). Offsets only; batches are in the tail cache and storage.
// Invariant: logStart ≤ lastStable ≤ highWatermark ≤ logEnd, and only a durable turn raises the first three.

import type { ApiRequest } from "@brooklet/protocol";
import { invariant } from "@brooklet/protocol";
import type { BatchFacts, PartitionId, StoredLogIndex } from "../storage/storage.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import { LogIndex } from "./log-index.ts";
import { ProducerStates } from "./producer-states.ts";
import type { Segment, SegmentRules } from "./segments.ts";
import { PartitionTail } from "./tail-cache.ts";

const NO_SEGMENTS: readonly Segment[] = [];

export type Isolation = ApiRequest<"fetch">["isolation"];

/** What a partition needs to know of its topic. */
export interface TopicFacts {
  readonly topic: string;
  readonly topicId: string;
  /** As of now: read anew for every batch. */
  readonly rules: SegmentRules;
}

export class Partition {
  readonly topic: TopicFacts;
  readonly partition: number;
  readonly partitionId: PartitionId;
  readonly tail = new PartitionTail();
  // Made with the first batch, the producers with the first idempotent one: most partitions of a large broker see none.
  #index: LogIndex | undefined;
  #epochs: LeaderEpochs | undefined;
  #producers: ProducerStates | undefined;
  #logStartOffset: number;
  #highWatermark: number;
  #lastStableOffset: number;
  #logEndOffset: number;
  #deleted = false;

  constructor(topic: TopicFacts, partition: number, partitionId: PartitionId, logStartOffset = 0) {
    this.topic = topic;
    this.partition = partition;
    this.partitionId = partitionId;
    this.#logStartOffset = logStartOffset;
    this.#highWatermark = logStartOffset;
    this.#lastStableOffset = logStartOffset;
    this.#logEndOffset = logStartOffset;
  }

  /** "orders-3", as people and logs name it. */
  get name(): string {
    return `${this.topic.topic}-${this.partition}`;
  }

  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  /** The offset after the last durable record. */
  get highWatermark(): number {
    return this.#highWatermark;
  }

  /** The first offset of a transaction that is not decided durably; the high watermark while there is none. */
  get lastStableOffset(): number {
    return this.#lastStableOffset;
  }

  /** The offset the next staged record gets. */
  get logEndOffset(): number {
    return this.#logEndOffset;
  }

  /** Where a reader's view ends. */
  visibleEnd(isolation: Isolation): number {
    return isolation === "read_committed" ? this.#lastStableOffset : this.#highWatermark;
  }

  /** The topic was deleted durably; whoever still holds the partition answers UNKNOWN_TOPIC_ID. */
  get deleted(): boolean {
    return this.#deleted;
  }

  /** From the stored state, before anything else. */
  load(logEndOffset: number): void {
    invariant(logEndOffset >= this.#logStartOffset, `${this.name}: the stored log end is not before its start`);
    this.#logEndOffset = logEndOffset;
    this.#highWatermark = logEndOffset;
    this.#lastStableOffset = logEndOffset;
  }

  /** Takes `count` offsets for a batch that is being staged; returns the first. */
  assign(count: number): number {
    const baseOffset = this.#logEndOffset;
    this.#logEndOffset += count;
    invariant(Number.isSafeInteger(this.#logEndOffset), `${this.name}: offsets are safe integers`);
    return baseOffset;
  }

  /** A staged batch is durable: it becomes visible. */
  commit(baseOffset: number, lastOffset: number): void {
    invariant(baseOffset === this.#highWatermark, `${this.name}: batches become durable in the order of their offsets`);
    this.#highWatermark = lastOffset + 1;
    this.#lastStableOffset = this.#highWatermark;
    invariant(this.#highWatermark <= this.#logEndOffset, `${this.name}: only what was assigned becomes durable`);
  }

  /** The log durably begins later. Tail cache and waiting fetches are the caller's. */
  raiseLogStart(logStartOffset: number): void {
    if (logStartOffset <= this.#logStartOffset) return;
    invariant(
      logStartOffset <= this.#highWatermark,
      `${this.name}: the log starts at its high watermark at the latest`,
    );
    this.#logStartOffset = logStartOffset;
    this.#lastStableOffset = Math.max(this.#lastStableOffset, logStartOffset);
    this.#index?.dropBefore(logStartOffset);
    this.#epochs?.dropBefore(logStartOffset);
  }

  /** A batch that became visible, for retention, look-ups and epochs. Says whether there is something to save. */
  remember(batch: BatchFacts, wallMs: number): boolean {
    this.index.append(batch, this.topic.rules, wallMs);
    this.epochs.assign(batch.leaderEpoch, batch.baseOffset);
    return this.hasUnsaved;
  }

  /** From the stored state, after `load`. */
  loadIndex(stored: StoredLogIndex, wallMs: number): void {
    this.index.load(stored, this.#logStartOffset, this.topic.rules, wallMs);
    this.epochs.load(stored, this.#logStartOffset);
  }

  get index(): LogIndex {
    this.#index ??= new LogIndex(this.partitionId);
    return this.#index;
  }

  get epochs(): LeaderEpochs {
    this.#epochs ??= new LeaderEpochs();
    return this.#epochs;
  }

  /** Oldest first; the last one is active. */
  get segments(): readonly Segment[] {
    return this.#index?.segments ?? NO_SEGMENTS;
  }

  /** Of all segments, encoded. */
  get sizeBytes(): number {
    return this.#index?.sizeBytes ?? 0;
  }

  /** The index has something that is not saved yet. */
  get hasUnsaved(): boolean {
    return this.#index?.hasUnsaved === true || this.#epochs?.hasUnsaved === true;
  }

  /** Gives back every offset that is not durable. */
  restore(): void {
    this.#logEndOffset = this.#highWatermark;
    this.#producers?.restore();
  }

  markDeleted(): void {
    this.#deleted = true;
  }

  get producers(): ProducerStates {
    this.#producers ??= new ProducerStates();
    return this.#producers;
  }

  get hasProducers(): boolean {
    return this.#producers !== undefined && this.#producers.size > 0;
  }
}
