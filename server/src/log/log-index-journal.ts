// Writes what partitions have learned of their logs to the storage's index, beside the next turn: complete ranges, and the
// starts of leader epochs. Nobody waits for it: what is missing after a crash is read from the batches themselves.
// Invariant: a range is written in a turn after the turns of its batches; an epoch not later than a range with its records.

import type { Change } from "../storage/storage.ts";
import type { TurnQueue } from "../storage/turns.ts";
import type { Partition } from "./partition.ts";

export class LogIndexJournal {
  readonly #turns: TurnQueue;
  readonly #dirty = new Set<Partition>();

  constructor(turns: TurnQueue) {
    this.#turns = turns;
  }

  /** The partition has something to save. */
  note(partition: Partition): void {
    this.#dirty.add(partition);
  }

  /** Adds it to the turn. */
  seal(): void {
    if (this.#dirty.size === 0) return;
    const saving = [...this.#dirty]
      .filter(({ deleted }) => !deleted)
      .map((partition) => ({
        partition,
        ranges: partition.index.takeUnsaved(),
        epochs: partition.epochs.takeUnsaved(),
      }));
    this.#dirty.clear();
    const changes = saving.flatMap(({ partition: { partitionId }, ranges, epochs }): Change[] => [
      ...epochs.map((start) => ({ kind: "putLeaderEpoch" as const, partitionId, ...start })),
      ...ranges.map((range) => ({ kind: "putRange" as const, range })),
    ]);
    if (changes.length === 0) return;
    this.#turns.stage({
      changes,
      essential: false,
      durable: () => {},
      failed: () => {
        for (const { partition, ranges, epochs } of saving) {
          partition.index.giveBack(ranges);
          partition.epochs.giveBack(epochs);
          this.#dirty.add(partition);
        }
      },
    });
  }
}
