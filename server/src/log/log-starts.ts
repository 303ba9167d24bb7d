// Moving where logs begin, for deleteRecords and retention alike: staged, durable, then visible, and only then are batches
// removed (by the storage, in the background).
// Invariant: nobody sees a log start that is not durable, and nobody who looks after it is reads what lies before it, but for
// the rest of a batch that holds it.

import { deferred } from "@brooklet/protocol/world";
import type { TurnQueue } from "../storage/turns.ts";
import type { DelayedFetches } from "./delayed-fetch.ts";
import type { LogIndexJournal } from "./log-index-journal.ts";
import type { Partition } from "./partition.ts";
import type { TailCache } from "./tail-cache.ts";

export interface LogStartMove {
  readonly partition: Partition;
  /** Not above the high watermark. */
  readonly logStartOffset: number;
}

export interface LogStartsParts {
  readonly turns: TurnQueue;
  readonly cache: TailCache;
  readonly delayed: DelayedFetches;
  readonly journal: LogIndexJournal;
}

export class LogStarts {
  readonly #parts: LogStartsParts;

  constructor(parts: LogStartsParts) {
    this.#parts = parts;
  }

  /** Moves them together; resolves when that is durable. Rejects with the turn's ProtocolError, and then none has moved. */
  move(moves: readonly LogStartMove[]): Promise<void> {
    const { turns, journal } = this.#parts;
    const fate = deferred();
    for (const { partition } of moves) {
      // What is removed must be in the index, or a restart would find the segments otherwise.
      partition.index.closeRange();
      journal.note(partition);
    }
    turns.stage({
      changes: moves.map(({ partition, logStartOffset }) => ({
        kind: "moveLogStart",
        partitionId: partition.partitionId,
        logStartOffset,
        firstSegmentOffset: partition.index.segmentBaseOf(logStartOffset),
      })),
      // Deleting is how a full disk gets room again.
      essential: true,
      durable: () => {
        for (const move of moves) this.#moved(move);
        fate.resolve();
      },
      failed: fate.reject,
    });
    return fate.promise;
  }

  #moved({ partition, logStartOffset }: LogStartMove): void {
    if (partition.deleted) return;
    partition.raiseLogStart(logStartOffset);
    this.#parts.cache.dropBefore(partition.tail, partition.logStartOffset);
    this.#parts.delayed.changed(partition);
  }
}
