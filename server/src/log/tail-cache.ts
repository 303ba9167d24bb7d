// The newest batches of every partition, in memory under one byte budget (tail.cache.bytes). The budget counts backing
// memory: a slab counts whole as long as one of its batches is cached, because it cannot be freed before; and what the
// entry of a batch takes on the heap, which is several times the bytes of a batch with one short record.
// Invariants: only durable batches get in; what a partition has here is a gapless end of its log, so that a position at
// or above `startOffset` never needs the storage.

import { invariant } from "@brooklet/protocol";
import type { Slab } from "./slabs.ts";

/** The objects of one entry (measured: 300 to 350 bytes with their place in the list). */
export const ENTRY_BYTES = 320;

export interface CachedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly bytes: Uint8Array;
  readonly slab: Slab;
}

/** One partition's part of the cache. */
export class PartitionTail {
  readonly #batches: CachedBatch[] = [];

  /** The first offset that is here, or undefined when nothing is. */
  get startOffset(): number | undefined {
    return this.#batches[0]?.baseOffset;
  }

  /** The batch that holds `offset`, and all after it. The caller has checked `startOffset`. */
  *from(offset: number): Generator<CachedBatch, void, undefined> {
    for (let index = this.#indexOf(offset); index < this.#batches.length; index++) {
      const batch = this.#batches[index];
      if (batch !== undefined) yield batch;
    }
  }

  /** Where the batch is whose last offset is the first at or above `offset`. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#batches[middle]?.lastOffset ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** For TailCache. */
  push(batch: CachedBatch): void {
    this.#batches.push(batch);
  }

  /** For TailCache: removes everything up to `lastOffset` and returns it. */
  dropThrough(lastOffset: number): CachedBatch[] {
    return this.#batches.splice(0, this.#indexOf(lastOffset + 1));
  }
}

interface SlabUse {
  batches: number;
  /** The last offset of each partition's newest batch in the slab. */
  readonly tails: Map<PartitionTail, number>;
}

/** The cache of all partitions. */
export class TailCache {
  readonly #budgetBytes: number;
  /** In the order in which the slabs got their first batch: the oldest is evicted first. */
  readonly #uses = new Map<Slab, SlabUse>();
  #bytes = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** Memory held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a partition's next durable batch, and evicts the oldest slabs while the budget is exceeded. */
  add(tail: PartitionTail, batch: CachedBatch): void {
    let use = this.#uses.get(batch.slab);
    if (use === undefined) {
      use = { batches: 0, tails: new Map() };
      this.#uses.set(batch.slab, use);
      this.#bytes += batch.slab.buffer.byteLength;
    }
    use.batches++;
    this.#bytes += ENTRY_BYTES;
    use.tails.set(tail, batch.lastOffset);
    tail.push(batch);
    for (const [slab, oldest] of this.#uses) {
      if (this.#bytes <= this.#budgetBytes) return;
      this.#evict(slab, oldest);
    }
  }

  /** Forgets a partition, whose topic was deleted. */
  drop(tail: PartitionTail): void {
    this.#release(tail, tail.dropThrough(Number.MAX_SAFE_INTEGER - 1));
  }

  /** Forgets the batches of a partition that end before its log start. */
  dropBefore(tail: PartitionTail, logStartOffset: number): void {
    this.#release(tail, tail.dropThrough(logStartOffset - 1));
  }

  #evict(slab: Slab, use: SlabUse): void {
    // Older batches of a partition may lie in younger slabs: they go too, or its tail would have a gap.
    for (const [tail, lastOffset] of use.tails) this.#release(tail, tail.dropThrough(lastOffset));
    invariant(!this.#uses.has(slab), "an evicted slab has no cached batch left");
  }

  #release(tail: PartitionTail, dropped: readonly CachedBatch[]): void {
    for (const batch of dropped) {
      const use = this.#uses.get(batch.slab);
      if (use === undefined) continue;
      use.batches--;
      this.#bytes -= ENTRY_BYTES;
      if (use.tails.get(tail) === batch.lastOffset) use.tails.delete(tail);
      if (use.batches > 0) continue;
      this.#uses.delete(batch.slab);
      this.#bytes -= batch.slab.buffer.byteLength;
    }
  }
}
