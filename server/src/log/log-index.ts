// What one partition remembers of its log beside the newest batches: its segments and the ranges of batches that are written
// to the storage's index, each once, when it is complete. Fed with durable batches alone, so a failed turn changes nothing here.
// Invariants: segments follow each other and end at the high watermark; a range belongs to one segment; what was not saved yet
// lies behind everything that was.

import type { BatchFacts, PartitionId, StoredLogIndex, StoredRange } from "../storage/storage.ts";
import { extended, rolls, type Segment, type SegmentRules, segmentOf } from "./segments.ts";

/** Batches of one range: what a start reads of each partition, and what a look-up by time searches, at most. */
export const BATCHES_PER_RANGE = 64;

interface OpenRange {
  readonly segmentBaseOffset: number;
  readonly batches: number;
  /** The range has the shape of a segment. */
  readonly facts: Segment;
}

export class LogIndex {
  readonly #partitionId: PartitionId;
  readonly #segments: Segment[] = [];
  #sizeBytes = 0;
  #open: OpenRange | undefined;
  #unsaved: StoredRange[] = [];

  constructor(partitionId: PartitionId) {
    this.#partitionId = partitionId;
  }

  /** Oldest first; the last one is active. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Of all segments. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** From the stored state: segments are what the ranges say, and the tail goes on by the rules of now. */
  load(
    { ranges, tail }: Pick<StoredLogIndex, "ranges" | "tail">,
    logStartOffset: number,
    rules: SegmentRules,
    wallMs: number,
  ): void {
    for (const range of ranges) {
      const { baseOffset, endOffset, sizeBytes, segmentBaseOffset } = range;
      // Of an older release's file: batches without a timestamp, whose age nobody knows. They count as of this start.
      const firstTimestampMs = range.firstTimestampMs < 0 ? wallMs : range.firstTimestampMs;
      const maxTimestampMs = range.maxTimestampMs < 0 ? wallMs : range.maxTimestampMs;
      const active = this.#segments.at(-1);
      const facts = { baseOffset, endOffset, sizeBytes, firstTimestampMs, maxTimestampMs };
      if (active === undefined || active.baseOffset !== segmentBaseOffset) {
        this.#segments.push({ ...facts, baseOffset: segmentBaseOffset });
      } else {
        const batch = { baseOffset, lastOffset: endOffset - 1, sizeBytes, maxTimestampMs, leaderEpoch: 0 };
        this.#segments[this.#segments.length - 1] = extended(active, batch);
      }
      this.#sizeBytes += sizeBytes;
    }
    for (const batch of tail) this.append(batch, rules, wallMs);
    this.dropBefore(logStartOffset);
  }

  /** Something waits to be saved. */
  get hasUnsaved(): boolean {
    return this.#unsaved.length > 0;
  }

  /** A batch has become durable. One without a timestamp counts as of now, as a Kafka segment's file would tell. */
  append(durable: BatchFacts, rules: SegmentRules, wallMs: number): void {
    const batch = durable.maxTimestampMs < 0 ? { ...durable, maxTimestampMs: wallMs } : durable;
    const active = this.#segments.at(-1);
    if (active === undefined || rolls(active, batch, rules)) {
      this.closeRange();
      this.#segments.push(segmentOf(batch));
    } else {
      this.#segments[this.#segments.length - 1] = extended(active, batch);
    }
    this.#sizeBytes += batch.sizeBytes;
    const segmentBaseOffset = (this.#segments.at(-1) as Segment).baseOffset;
    this.#open =
      this.#open === undefined
        ? { segmentBaseOffset, batches: 1, facts: segmentOf(batch) }
        : { segmentBaseOffset, batches: this.#open.batches + 1, facts: extended(this.#open.facts, batch) };
    if (this.#open.batches === BATCHES_PER_RANGE) this.closeRange();
  }

  /** Ends the open range early: before a log start moves, so that what is removed does not change what a restart finds. */
  closeRange(): void {
    if (this.#open === undefined) return;
    const { segmentBaseOffset, facts } = this.#open;
    this.#unsaved.push({ partitionId: this.#partitionId, segmentBaseOffset, ...facts });
    this.#open = undefined;
  }

  /** The ranges to be saved; the caller gives them back if they could not be. */
  takeUnsaved(): readonly StoredRange[] {
    const firstOffset = this.#segments[0]?.baseOffset ?? Number.POSITIVE_INFINITY;
    const taken = this.#unsaved.filter(({ segmentBaseOffset }) => segmentBaseOffset >= firstOffset);
    this.#unsaved = [];
    return taken;
  }

  giveBack(ranges: readonly StoredRange[]): void {
    this.#unsaved = [...ranges, ...this.#unsaved];
  }

  /** The base offset of the segment that holds the offset, or of the next one there will be. */
  segmentBaseOf(offset: number): number {
    return this.#segments.find(({ endOffset }) => endOffset > offset)?.baseOffset ?? offset;
  }

  /** The log begins here now: segments that end before it are gone. Differs from Kafka: also the active one, at once. */
  dropBefore(logStartOffset: number): void {
    let count = 0;
    for (const { endOffset, sizeBytes } of this.#segments) {
      if (endOffset > logStartOffset) break;
      this.#sizeBytes -= sizeBytes;
      count += 1;
    }
    this.#segments.splice(0, count);
    if (this.#segments.length > 0) return;
    this.#open = undefined;
    this.#unsaved = [];
  }
}
