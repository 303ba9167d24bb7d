// Where record batches live in memory: copied once out of the incoming frame into a slab, which serves the tail cache and
// the sockets alike. A slice of an incoming frame would keep the whole chunk of the socket alive. Not shared memory: V8 does
// not count that, and dropped slabs would pile up to many times the cache's budget before they are collected.
// Invariant: written bytes never change after `copy` returned them to be stored; slabs are dropped, never reused.

const LARGEST_SLAB_BYTES = 1024 * 1024;
const SMALLEST_SLAB_BYTES = 64 * 1024;
/** Slabs that make up a full cache, at least: evicting one then costs at most an eighth of it. */
const SLABS_PER_BUDGET = 8;
/** Batches above this part of a slab get one of their own, so that little is left unused at a slab's end. */
const OWN_SLAB_FRACTION = 4;

/** A piece of backing memory. */
export interface Slab {
  readonly buffer: ArrayBuffer;
}

export interface SlabBytes {
  readonly bytes: Uint8Array;
  readonly slab: Slab;
}

/** Hands out memory from the open slab, front to back. */
export class SlabAllocator {
  readonly #slabBytes: number;
  #open: Slab | undefined;
  #usedBytes = 0;

  /** Units: `budgetBytes` is what the cache may hold; slabs are sized to it. */
  constructor(budgetBytes: number) {
    this.#slabBytes = Math.min(
      LARGEST_SLAB_BYTES,
      Math.max(SMALLEST_SLAB_BYTES, Math.floor(budgetBytes / SLABS_PER_BUDGET)),
    );
  }

  copy(source: Uint8Array): SlabBytes {
    const slab = this.#slabFor(source.length);
    const start = slab === this.#open ? this.#usedBytes : 0;
    if (slab === this.#open) this.#usedBytes += source.length;
    const bytes = new Uint8Array(slab.buffer, start, source.length);
    bytes.set(source);
    return { bytes, slab };
  }

  #slabFor(length: number): Slab {
    if (length > this.#slabBytes / OWN_SLAB_FRACTION) return { buffer: new ArrayBuffer(length) };
    if (this.#open === undefined || this.#usedBytes + length > this.#slabBytes) {
      this.#open = { buffer: new ArrayBuffer(this.#slabBytes) };
      this.#usedBytes = 0;
    }
    return this.#open;
  }
}
