// The demos' book: which record was processed by whom and when. From it come the repeated and the lost records, and how long
// each partition stood still. A record's name is its (partition, offset).

import type { Place } from "./messages.ts";

interface Entry {
  readonly worker: string;
  readonly atMs: number;
  readonly offset: number;
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
  /** Every delivery of a record that was processed before. */
  readonly repetitions: Repetition[] = [];

  /** Returns those that were not processed before: what an application counts once, however often it is delivered. */
  processed<D extends Place>(worker: string, deliveries: readonly D[], atMs: number): D[] {
    return deliveries.filter(({ partition, offset }) => {
      const entry = { worker, atMs, offset };
      const entries = this.#byPartition.get(partition);
      if (entries === undefined) this.#byPartition.set(partition, [entry]);
      else entries.push(entry);
      const record = `${partition}:${offset}`;
      const first = this.#firstByRecord.get(record);
      if (first === undefined) this.#firstByRecord.set(record, entry);
      else this.repetitions.push({ partition, offset, first: first.worker, again: worker });
      return first === undefined;
    });
  }

  committed(offsets: readonly Place[]): void {
    for (const { partition, offset } of offsets) this.#committed.set(partition, offset);
  }

  /** Distinct records. */
  get recordCount(): number {
    return this.#firstByRecord.size;
  }

  has({ partition, offset }: Place): boolean {
    return this.#firstByRecord.has(`${partition}:${offset}`);
  }

  /** Of the records before `ends` (next offset by partition) those that nobody has processed. */
  missing(ends: ReadonlyMap<number, number>): Place[] {
    return [...ends].flatMap(([partition, end]) =>
      Array.from({ length: end }, (_, offset) => ({ partition, offset })).filter((place) => !this.has(place)),
    );
  }

  /** The next offset of `worker` in each of its partitions: behind the last record that it processed. */
  positions(worker: string): ReadonlyMap<number, number> {
    return this.#ofWorker(worker, (entries) => (entries.at(-1)?.offset ?? -1) + 1);
  }

  /** Where `worker` began in each of its partitions. */
  beginnings(worker: string): ReadonlyMap<number, number> {
    return this.#ofWorker(worker, (entries) => entries[0]?.offset ?? 0);
  }

  #ofWorker(worker: string, pick: (entries: readonly Entry[]) => number): ReadonlyMap<number, number> {
    const picked = new Map<number, number>();
    for (const [partition, entries] of this.#byPartition) {
      const own = entries.filter((entry) => entry.worker === worker);
      if (own.length > 0) picked.set(partition, pick(own));
    }
    return picked;
  }

  /** Records that `worker` processed last in their partition and that no commit covers. */
  uncommitted(worker: string): Place[] {
    return [...this.#byPartition].flatMap(([partition, entries]) => {
      if (entries.at(-1)?.worker !== worker) return [];
      const from = this.#committed.get(partition) ?? 0;
      return entries
        .filter((entry) => entry.worker === worker && entry.offset >= from)
        .map(({ offset }) => ({ partition, offset }));
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

  /** The longest time without a record of the partition, of those times that touch the window; whoever processed it. */
  longestGapMs(partition: number, fromMs: number, toMs: number): number {
    const times = (this.#byPartition.get(partition) ?? []).map(({ atMs }) => atMs).sort((a, b) => a - b);
    return times.reduce((longest, atMs, index) => {
      const beforeMs = times[index - 1] ?? atMs;
      return atMs >= fromMs && beforeMs <= toMs ? Math.max(longest, atMs - beforeMs) : longest;
    }, 0);
  }

  /** When the partition's last record was processed. */
  lastAtMs(partition: number): number {
    return this.#byPartition.get(partition)?.at(-1)?.atMs ?? 0;
  }

  /** Whether a partition's records came in order, but for one step back where a worker took over after a kill. */
  inOrder(partition: number): boolean {
    const entries = this.#byPartition.get(partition) ?? [];
    return entries.every((entry, index) => {
      const before = entries[index - 1];
      return before === undefined || before.worker !== entry.worker || entry.offset > before.offset;
    });
  }
}
