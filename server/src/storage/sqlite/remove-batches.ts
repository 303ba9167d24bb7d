// Removes in small steps what nobody can see any more: batches of deleted topics, batches before a log start that has moved,
// ranges of the index that speak of them; then gives the freed pages back to the file system. What is to be removed stands in
// `deleted_partitions` and `trimmed_partitions`, so a restart goes on where the last run stopped.
//
// Invariant: a step is one transaction of bounded size, so that a turn never waits long for it.

import type { PartitionId } from "../storage.ts";
import { type Connection, PAGE_BYTES } from "./connection.ts";

/** Batches have 64–256 KiB where there is load: so many bytes of them go in a step, at least one batch. */
const BYTES_PER_STEP = 4 * 1024 * 1024;
const ROWS_PER_STEP = 256;
const RANGES_PER_STEP = 1024;
const VACUUM_PAGES_PER_STEP = BYTES_PER_STEP / PAGE_BYTES;

interface Candidate {
  readonly rowid: number;
  readonly sizeBytes: number;
}

interface Trimmed {
  readonly partitionId: PartitionId;
  readonly firstSegmentOffset: number;
  readonly logStartOffset: number;
}

export class BatchRemoval {
  readonly #db: Connection;
  readonly #nextDeleted;
  readonly #nextTrimmed;
  readonly #before;
  readonly #deleteRow;
  readonly #deleteRanges;
  readonly #forgetDeleted;
  readonly #forgetTrimmed;
  readonly #removeSome: () => boolean;

  constructor(db: Connection) {
    this.#db = db;
    this.#nextDeleted = db.prepare<[], number>("SELECT partition_id FROM deleted_partitions LIMIT 1").pluck();
    // A topic that was deleted since is among the deleted ones, and its log start is nobody's.
    this.#nextTrimmed = db.prepare<[], Trimmed>(
      `SELECT partition_id AS partitionId, first_segment_offset AS firstSegmentOffset,
         ifnull((SELECT log_start_offset FROM partitions WHERE partition_id = trimmed_partitions.partition_id), 0)
           AS logStartOffset
       FROM trimmed_partitions LIMIT 1`,
    );
    this.#before = db.prepare<unknown[], Candidate>(
      `SELECT rowid, length(bytes) AS sizeBytes FROM batches
       WHERE partition_id = :partitionId AND base_offset < :endOffset AND last_offset < :endOffset ORDER BY base_offset LIMIT ${ROWS_PER_STEP}`,
    );
    this.#deleteRow = db.prepare("DELETE FROM batches WHERE rowid = ?");
    this.#deleteRanges = db.prepare(
      `DELETE FROM batch_ranges WHERE partition_id = :partitionId AND base_offset IN (
         SELECT base_offset FROM batch_ranges WHERE partition_id = :partitionId AND base_offset < :endOffset
         ORDER BY base_offset LIMIT ${RANGES_PER_STEP})`,
    );
    this.#forgetDeleted = db.prepare("DELETE FROM deleted_partitions WHERE partition_id = ?");
    this.#forgetTrimmed = db.prepare("DELETE FROM trimmed_partitions WHERE partition_id = ?");
    const transaction = db.transaction(() => this.#step());
    this.#removeSome = () => transaction.immediate();
  }

  /** Whether `step` would find something to do. */
  get pending(): boolean {
    return this.#nextDeleted.get() !== undefined || this.#nextTrimmed.get() !== undefined || this.#freePages() > 0;
  }

  /** One step: removes a bounded part, or frees a bounded number of pages; false when nothing is left to do. */
  step(): boolean {
    // First everything goes: pages that are soon free need not be moved.
    if (this.#removeSome()) return true;
    if (this.#freePages() === 0) return false;
    this.#db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES_PER_STEP})`);
    return true;
  }

  #step(): boolean {
    const deleted = this.#nextDeleted.get();
    if (deleted !== undefined) {
      const done =
        !this.#removeBatches(deleted, Number.MAX_SAFE_INTEGER) && !this.#removeRanges(deleted, Number.MAX_SAFE_INTEGER);
      if (done) this.#forgetDeleted.run(deleted);
      return true;
    }
    const trimmed = this.#nextTrimmed.get();
    if (trimmed === undefined) return false;
    const { partitionId, logStartOffset, firstSegmentOffset } = trimmed;
    const done =
      !this.#removeBatches(partitionId, logStartOffset) && !this.#removeRanges(partitionId, firstSegmentOffset);
    if (done) this.#forgetTrimmed.run(partitionId);
    return true;
  }

  /** Removes some of the batches that end before the offset; whether there were any. */
  #removeBatches(partitionId: PartitionId, endOffset: number): boolean {
    const rowids: number[] = [];
    let sizeBytes = 0;
    // Chosen first: while a statement runs, the connection takes no other.
    for (const candidate of this.#before.iterate({ partitionId, endOffset })) {
      rowids.push(candidate.rowid);
      sizeBytes += candidate.sizeBytes;
      if (sizeBytes >= BYTES_PER_STEP) break;
    }
    for (const rowid of rowids) this.#deleteRow.run(rowid);
    return rowids.length > 0;
  }

  #removeRanges(partitionId: PartitionId, endOffset: number): boolean {
    return this.#deleteRanges.run({ partitionId, endOffset }).changes === RANGES_PER_STEP;
  }

  #freePages(): number {
    return Number(this.#db.pragma("freelist_count", { simple: true }));
  }
}
