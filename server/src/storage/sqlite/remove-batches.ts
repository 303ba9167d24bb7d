// Removes in small steps what nobody can see any more: batches of deleted topics, batches before a log start that has moved,
// ranges of the index that speak of them; then gives the freed pages back to the file system. What is to be removed stands in
// `deleted_partitions` and `trimmed_partitions`, so a restart goes on where the last run stopped.
//
// Invariant: a step is one transaction of bounded size, so that a turn never waits long for it.

import type { PartitionId } from "../storage.ts";
import { type Connection, PAGE_BYTES } from "./connection.ts";

/** Batches have 64–256 KiB where there is load: so many bytes of them go in a step, at least one batch. */
const BYTES_PER_STEP = 4 * 1024 * 1024;
/** Batches, ranges and partitions together. */
const ROWS_PER_STEP = 256;
const VACUUM_PAGES_PER_STEP = BYTES_PER_STEP / PAGE_BYTES;

interface Candidate {
  readonly rowid: number;
  readonly sizeBytes: number;
}

/** What a step may still remove. */
interface Room {
  bytes: number;
  rows: number;
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
       WHERE partition_id = :partitionId AND base_offset < :endOffset AND last_offset < :endOffset ORDER BY base_offset LIMIT :limit`,
    );
    this.#deleteRow = db.prepare("DELETE FROM batches WHERE rowid = ?");
    this.#deleteRanges = db.prepare(
      `DELETE FROM batch_ranges WHERE partition_id = :partitionId AND base_offset IN (
         SELECT base_offset FROM batch_ranges WHERE partition_id = :partitionId AND base_offset < :endOffset
         ORDER BY base_offset LIMIT :limit)`,
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

  /** Goes through partitions until the step is large enough: most of a topic's may have little to remove, or nothing. */
  #step(): boolean {
    const room: Room = { bytes: BYTES_PER_STEP, rows: ROWS_PER_STEP };
    let found = false;
    while (room.bytes > 0 && room.rows > 0 && this.#removeOfOne(room)) found = true;
    return found;
  }

  /** Whether there was a partition. */
  #removeOfOne(room: Room): boolean {
    const deleted = this.#nextDeleted.get();
    if (deleted !== undefined) {
      if (this.#isClean(deleted, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, room))
        this.#forgetDeleted.run(deleted);
      return true;
    }
    const trimmed = this.#nextTrimmed.get();
    if (trimmed === undefined) return false;
    const { partitionId, logStartOffset, firstSegmentOffset } = trimmed;
    if (this.#isClean(partitionId, logStartOffset, firstSegmentOffset, room)) this.#forgetTrimmed.run(partitionId);
    return true;
  }

  /** Removes what there is room for; whether that was everything. The ranges go when the batches are gone. */
  #isClean(partitionId: PartitionId, batchesEnd: number, rangesEnd: number, room: Room): boolean {
    this.#removeBatches(partitionId, batchesEnd, room);
    if (room.bytes <= 0 || room.rows <= 0) return false;
    const { changes } = this.#deleteRanges.run({ partitionId, endOffset: rangesEnd, limit: room.rows });
    // The partition itself counts as one: a step is bounded also where there is nothing to remove.
    room.rows -= changes + 1;
    return room.rows >= 0;
  }

  /** Removes the oldest batches that end before the offset, as many as there is room for, at least one. */
  #removeBatches(partitionId: PartitionId, endOffset: number, room: Room): void {
    const rowids: number[] = [];
    // Chosen first: while a statement runs, the connection takes no other.
    for (const { rowid, sizeBytes } of this.#before.iterate({ partitionId, endOffset, limit: room.rows })) {
      rowids.push(rowid);
      room.bytes -= sizeBytes;
      if (room.bytes <= 0) break;
    }
    room.rows -= rowids.length;
    for (const rowid of rowids) this.#deleteRow.run(rowid);
  }

  #freePages(): number {
    return Number(this.#db.pragma("freelist_count", { simple: true }));
  }
}
