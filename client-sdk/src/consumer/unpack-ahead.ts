// Unpacks the compressed batches of fetched answers before they are handed out, off this thread: in the order in which they
// will be handed out, one at a time, a little ahead of the application.
//
// Invariant: what is unpacked stands in the place of its batch, so order and positions are as if it had come uncompressed;
// so much is kept unpacked at once, whatever a batch unpacks to: AHEAD_BYTES and one batch.

import { checkCrc, isCompressed, unpackBatch } from "@brooklet/protocol";
import type { PartitionState } from "./positions.ts";

/** Unpacked and not handed out; the batch that crosses it is the last. */
export const AHEAD_BYTES = 8 * 1024 * 1024;

/** An uncompressed batch, or why there is none. */
export type Unpacked = { readonly batch: Uint8Array } | { readonly failure: unknown };

/** An answer on its way to the application. */
export interface PackedEntry {
  readonly fetched: { readonly state: PartitionState; readonly version: number };
  /** Whether some of its batches are compressed. */
  readonly isPacked: boolean;
  readonly batches: readonly Uint8Array[] | undefined;
  /** The first of the batches that nobody has begun to hand out. */
  readonly nextBatch: number;
  /** For the batches from `nextBatch` on; fewer than there are. */
  readonly unpacked: Unpacked[];
}

export interface UnpackOptions {
  readonly checkCrcs: boolean;
  /** Of the records of one batch. */
  readonly maxUnpackedBytes: () => number;
  /** A batch that somebody may be waiting for can be handed out. */
  readonly onReady: () => void;
}

export class UnpackAhead<E extends PackedEntry> {
  readonly #options: UnpackOptions;
  /** In the order of handing out. */
  readonly #entries: () => readonly E[];
  #isRunning = false;

  constructor(entries: () => readonly E[], options: UnpackOptions) {
    this.#entries = entries;
    this.#options = options;
  }

  /** Goes on, if something is to be unpacked and there is room. Cheap when not. */
  pump(): void {
    if (this.#isRunning || this.#next() === undefined) return;
    void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let entry = this.#next(); entry !== undefined; entry = this.#next()) {
      const at = entry.nextBatch + entry.unpacked.length;
      const unpacked = await this.#unpack(entry.batches?.[at]);
      // Meanwhile the partition may have been dropped, or what was unpacked before this one given up.
      if (!this.#entries().includes(entry) || entry.nextBatch + entry.unpacked.length !== at) continue;
      entry.unpacked.push(unpacked);
      if (entry.unpacked.length === 1) this.#options.onReady();
    }
    this.#isRunning = false;
  }

  async #unpack(batch: Uint8Array | undefined): Promise<Unpacked> {
    try {
      if (batch === undefined) throw new Error("there is no such batch");
      if (!isCompressed(batch)) return { batch };
      if (this.#options.checkCrcs) checkCrc(batch);
      return { batch: await unpackBatch(batch, this.#options.maxUnpackedBytes()) };
    } catch (failure) {
      return { failure };
    }
  }

  /** The first answer that has batches to unpack, unless enough is unpacked. */
  #next(): E | undefined {
    let readyBytes = 0;
    let keptBytes = 0;
    let next: E | undefined;
    for (const entry of this.#entries()) {
      if (!entry.isPacked) continue;
      const bytes = sizeOf(entry.unpacked);
      if (!mayBeRead(entry)) {
        keptBytes += bytes;
        continue;
      }
      readyBytes += bytes;
      if (next === undefined && hasMore(entry)) next = entry;
    }
    if (readyBytes >= AHEAD_BYTES) return undefined;
    if (readyBytes + keptBytes < AHEAD_BYTES || next === undefined) return next;
    // What nobody may read now gives way to what somebody waits for; it is unpacked again later.
    for (const entry of this.#entries()) if (!mayBeRead(entry)) entry.unpacked.length = 0;
    return next;
  }
}

function mayBeRead({ fetched: { state, version } }: PackedEntry): boolean {
  return version === state.version && !state.paused && !state.revoking && !state.assigning;
}

/** Behind what cannot be unpacked nothing is handed out, so nothing is unpacked either. */
function hasMore({ batches, nextBatch, unpacked }: PackedEntry): boolean {
  const last = unpacked.at(-1);
  return nextBatch + unpacked.length < (batches?.length ?? 0) && !(last !== undefined && "failure" in last);
}

function sizeOf(unpacked: readonly Unpacked[]): number {
  let bytes = 0;
  for (const one of unpacked) if ("batch" in one) bytes += one.batch.length;
  return bytes;
}
