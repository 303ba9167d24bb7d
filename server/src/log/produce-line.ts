// Where produce requests wait while their compressed batches are checked elsewhere (unpacker.ts). Requests without any pass
// by, unless one that came before them waits for a partition of theirs.
// Invariant: per partition, requests leave in the order in which they came, whoever sent them and however long each check
// takes; one that has left is appended at once, whole. A request takes its places in all its partitions' lines in one step,
// so two can never wait for each other.

import {
  type CheckedBatchHeader,
  hasCompressed,
  invariant,
  isCompressed,
  ProtocolError,
  splitBatches,
} from "@brooklet/protocol";
import type { Unpacker } from "./unpacker.ts";

/** Record bytes that may wait here, of all connections; who does not wait for answers (acks 0) is bounded here alone. */
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** Requests that may wait here, and batches that are to be checked; each costs something, however small it is. */
export const MAX_WAITING_ITEMS = 10_000;

/** What is known of one batch: its header if it is good, why not otherwise; undefined: it is uncompressed, and unchecked. */
export type BatchVerdict = CheckedBatchHeader | ProtocolError | undefined;

/** By item of a request, and by batch; shorter where nothing is known. */
export type Verdicts = readonly (readonly BatchVerdict[])[];

/** What the line needs to know of an item. */
export interface LineItem {
  readonly topic: string;
  readonly partition: number;
  readonly batches: Uint8Array;
}

interface Waiting {
  readonly places: readonly string[];
  readonly bytes: number;
  /** Itself, and its batches to be checked. */
  readonly count: number;
  /** Set when every check is done. */
  leave: (() => void) | undefined;
  readonly refuse: (error: ProtocolError) => void;
}

export class ProduceLine {
  readonly #unpacker: Unpacker;
  /** By partition, oldest first; a line that is empty is no more. */
  readonly #lines = new Map<string, Waiting[]>();
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;
  #count = 0;

  constructor(unpacker: Unpacker) {
    this.#unpacker = unpacker;
  }

  /** Whether a request must go through the line; false for most, at the cost of a look at each batch's attributes. */
  concerns(items: readonly LineItem[]): boolean {
    for (const item of items) {
      if (this.#lines.size > 0 && this.#lines.has(placeOf(item))) return true;
      if (hasCompressed(item.batches)) return true;
    }
    return false;
  }

  /**
   * Waits for the checks of the request's batches and for the requests before it, then runs `append`, synchronously.
   *
   * Shape: verdicts by item and batch. Errors: what `append` ends with; THROTTLING_QUOTA_EXCEEDED when too much waits;
   * BROKER_NOT_AVAILABLE when the line is closed meanwhile. In both cases nothing was appended.
   */
  enter<T>(items: readonly LineItem[], append: (verdicts: Verdicts) => Promise<T>): Promise<T> {
    const bytes = items.reduce((sum, { batches }) => sum + batches.length, 0);
    // What cannot be cut into batches is refused when its turn comes; so nothing of it is unpacked.
    const cut = items.map(({ batches }) => (hasCompressed(batches) ? splitBatches(batches) : []));
    const count = cut.reduce((sum, batches) => sum + batches.filter((batch) => isCompressed(batch)).length, 1);
    const isFull = this.#bytes + bytes > MAX_WAITING_BYTES || this.#count + count > MAX_WAITING_ITEMS;
    if (isFull && this.#count > 0)
      return Promise.reject(
        new ProtocolError(
          "THROTTLING_QUOTA_EXCEEDED",
          `${this.#bytes} bytes of records wait to be unpacked and checked already; ${bytes} more were not taken`,
          { hint: "Wait for answers (acks 1 or all), and send again a little later." },
        ),
      );
    return new Promise((resolve, reject) => {
      const places = [...new Set(items.map(placeOf))];
      const waiting: Waiting = { places, bytes, count, leave: undefined, refuse: reject };
      this.#take(waiting);
      const checked = (leave: () => void) => {
        waiting.leave = leave;
        this.#advance(waiting);
      };
      Promise.all(cut.map((batches) => this.#check(batches))).then(
        (verdicts) =>
          checked(() => {
            try {
              resolve(append(verdicts));
            } catch (error) {
              reject(error);
            }
          }),
        // A bug; but whoever stands behind it must not wait for ever.
        (error) => checked(() => reject(error)),
      );
    });
  }

  /** Refuses everybody who waits. */
  close(error: ProtocolError): void {
    for (const { refuse } of this.#waiting) refuse(error);
    this.#waiting.clear();
    this.#lines.clear();
    this.#bytes = 0;
    this.#count = 0;
  }

  /** Requests that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  #check(batches: readonly Uint8Array[]): Promise<BatchVerdict[]> {
    return Promise.all(batches.map((batch) => (isCompressed(batch) ? this.#verdictOn(batch) : undefined)));
  }

  #verdictOn(batch: Uint8Array): Promise<BatchVerdict> {
    return this.#unpacker.check(batch).catch((error: unknown) => {
      if (error instanceof ProtocolError) return error;
      throw error;
    });
  }

  #take(waiting: Waiting): void {
    this.#waiting.add(waiting);
    this.#bytes += waiting.bytes;
    this.#count += waiting.count;
    for (const place of waiting.places) {
      const line = this.#lines.get(place);
      if (line === undefined) this.#lines.set(place, [waiting]);
      else line.push(waiting);
    }
  }

  /** Lets the request go if it is the first everywhere, and then those that this was in the way of. */
  #advance(from: Waiting): void {
    const candidates = [from];
    for (let waiting = candidates.pop(); waiting !== undefined; waiting = candidates.pop()) {
      const { places, leave } = waiting;
      // It may have left already, as the next in two lines at once.
      if (leave === undefined || !this.#waiting.has(waiting)) continue;
      if (!places.every((place) => this.#lines.get(place)?.[0] === waiting)) continue;
      this.#waiting.delete(waiting);
      this.#bytes -= waiting.bytes;
      this.#count -= waiting.count;
      for (const place of places) {
        const line = this.#lines.get(place);
        invariant(line?.[0] === waiting, "who leaves was the first");
        line.shift();
        const next = line[0];
        if (next === undefined) this.#lines.delete(place);
        else candidates.push(next);
      }
      leave();
    }
  }
}

function placeOf({ topic, partition }: LineItem): string {
  return `${partition}:${topic}`;
}
