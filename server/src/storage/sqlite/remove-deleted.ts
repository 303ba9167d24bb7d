// Removes the batches of deleted topics in small steps, and gives the freed pages back to the file system. What is to be
// removed stands in `deleted_partitions`, so a restart goes on where the last run stopped.

import type { Connection } from "./connection.ts";

/** Rows per step: a step must not hold up a turn for long. Batches have 64–256 KiB where there is load. */
const ROWS_PER_STEP = 64;
/** 4 MiB of pages. */
const VACUUM_PAGES_PER_STEP = 256;

export class DeletedBatches {
  readonly #db: Connection;
  readonly #nextPartition;
  readonly #deleteRows;
  readonly #forget;

  constructor(db: Connection) {
    this.#db = db;
    this.#nextPartition = db.prepare<[], number>("SELECT partition_id FROM deleted_partitions LIMIT 1").pluck();
    this.#deleteRows = db.prepare(
      "DELETE FROM batches WHERE rowid IN (SELECT rowid FROM batches WHERE partition_id = ? LIMIT ?)",
    );
    this.#forget = db.prepare("DELETE FROM deleted_partitions WHERE partition_id = ?");
  }

  /** Whether `step` would find something to remove. */
  get pending(): boolean {
    return this.#nextPartition.get() !== undefined;
  }

  /** Removes a bounded number of rows and frees a bounded number of pages; false when nothing is left to do. */
  step(): boolean {
    const partitionId = this.#nextPartition.get();
    if (partitionId !== undefined) {
      const { changes } = this.#deleteRows.run(partitionId, ROWS_PER_STEP);
      if (changes < ROWS_PER_STEP) this.#forget.run(partitionId);
    }
    if (this.#freePages() > 0) this.#db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES_PER_STEP})`);
    return partitionId !== undefined || this.#freePages() > 0;
  }

  #freePages(): number {
    return Number(this.#db.pragma("freelist_count", { simple: true }));
  }
}
