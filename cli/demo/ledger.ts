// The demo's book: which record was processed by whom and when. From it come the aggregate, the repeated and missing
// records, and how long each partition stood still.

import { Aggregate } from "./birdstrikes.ts";
import type { Delivery } from "./messages.ts";

interface Entry {
  readonly worker: string;
  readonly atMs: number;
  readonly delivery: Delivery;
}

/** A partition that went from one worker to another. */
export interface Move {
  readonly partition: number;
  readonly from: string;
  readonly to: string;
  /** Between the last record before and the first after. */
  readonly stoodStillMs: number;
  /** When the first record after the move was processed. */
  readonly atMs: number;
}

export interface Repetition {
  readonly partition: number;
  readonly offset: number;
  readonly first: string;
  readonly again: string;
}

export class Ledger {
  readonly #byPartition = new Map<number, Entry[]>();
  readonly #firstByRecord = new Map<string, Entry>();
  readonly #committed = new Map<number, number>();
  /** The application's result; a record counts once, however often it is delivered: (partition, offset) names it. */
  readonly aggregate = new Aggregate();
  readonly repetitions: Repetition[] = [];

  processed(worker: string, deliveries: readonly Delivery[], atMs: number): void {
    for (const delivery of deliveries) {
      const { partition, offset } = delivery;
      const entry = { worker, atMs, delivery };
      const entries = this.#byPartition.get(partition);
      if (entries === undefined) this.#byPartition.set(partition, [entry]);
      else entries.push(entry);
      const record = `${partition}:${offset}`;
      const first = this.#firstByRecord.get(record);
      if (first === undefined) {
        this.#firstByRecord.set(record, entry);
        this.aggregate.add(delivery);
      } else this.repetitions.push({ partition, offset, first: first.worker, again: worker });
    }
  }

  committed(offsets: readonly { partition: number; offset: number }[]): void {
    for (const { partition, offset } of offsets) this.#committed.set(partition, offset);
  }

  /** Distinct records. */
  get recordCount(): number {
    return this.#firstByRecord.size;
  }

  has(partition: number, offset: number): boolean {
    return this.#firstByRecord.has(`${partition}:${offset}`);
  }

  /** Records that `worker` processed last in their partition and that no commit covers. */
  uncommitted(worker: string): { partition: number; offset: number }[] {
    return [...this.#byPartition].flatMap(([partition, entries]) => {
      if (entries.at(-1)?.worker !== worker) return [];
      const from = this.#committed.get(partition) ?? 0;
      return entries
        .filter((entry) => entry.worker === worker && entry.delivery.offset >= from)
        .map(({ delivery }) => ({ partition, offset: delivery.offset }));
    });
  }

  /** Every change of a partition's worker, in time. */
  get moves(): Move[] {
    const moves: Move[] = [];
    for (const [partition, entries] of this.#byPartition)
      entries.forEach((entry, index) => {
        const before = entries[index - 1];
        if (before === undefined || before.worker === entry.worker) return;
        const stoodStillMs = Math.max(0, entry.atMs - before.atMs);
        moves.push({ partition, from: before.worker, to: entry.worker, stoodStillMs, atMs: entry.atMs });
      });
    return moves.sort((a, b) => a.atMs - b.atMs || a.partition - b.partition);
  }

  /** The longest time between two records of a partition that one and the same worker processed, within the window. */
  longestPauseMs(partition: number, fromMs: number, toMs: number): number {
    const entries = (this.#byPartition.get(partition) ?? []).filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
    return entries.reduce((longest, entry, index) => {
      const before = entries[index - 1];
      return before?.worker === entry.worker ? Math.max(longest, entry.atMs - before.atMs) : longest;
    }, 0);
  }

  /** Whether a partition's records came in order, but for one step back where a worker took over after a kill. */
  inOrder(partition: number): boolean {
    const entries = this.#byPartition.get(partition) ?? [];
    return entries.every((entry, index) => {
      const before = entries[index - 1];
      return before === undefined || before.worker !== entry.worker || entry.delivery.offset > before.delivery.offset;
    });
  }
}
