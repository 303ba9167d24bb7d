// Reading batches: a fresh run of a statement for every read, no transaction kept, every batch checked before it is handed
// out. A damaged batch fails the reads that begin at it and no others.

import { type PartitionId, type ReadRequest, StorageCorruptionError, type StoredBatch } from "../storage.ts";
import { type BatchRow, damageOf } from "./batch-check.ts";
import { type Connection, describeError, sqliteCode } from "./connection.ts";

export interface TimestampRequest {
  readonly partitionId: PartitionId;
  readonly fromOffset: number;
  readonly endOffset: number;
  readonly timestampMs: number;
}

const COLUMNS = "partition_id, base_offset, last_offset, max_timestamp_ms, leader_epoch, bytes";
// The batch that holds the offset is the last one that begins at or before it.
const FROM_OFFSET = `
  partition_id = :partitionId AND base_offset >= ifnull(
    (SELECT max(base_offset) FROM batches WHERE partition_id = :partitionId AND base_offset <= :fromOffset), 0)
  AND base_offset < :endOffset AND last_offset >= :fromOffset AND last_offset < :endOffset`;

export class BatchReader {
  readonly #db: Connection;
  readonly #scan;
  readonly #byTimestamp;
  readonly #maxTimestamp;
  readonly #nameOf;

  constructor(db: Connection) {
    this.#db = db;
    this.#scan = db.prepare<unknown[], BatchRow>(
      `SELECT ${COLUMNS} FROM batches WHERE ${FROM_OFFSET} ORDER BY base_offset`,
    );
    this.#byTimestamp = db.prepare<unknown[], BatchRow>(
      `SELECT ${COLUMNS} FROM batches WHERE ${FROM_OFFSET} AND max_timestamp_ms >= :timestampMs ORDER BY base_offset LIMIT 1`,
    );
    this.#maxTimestamp = db.prepare<unknown[], BatchRow>(
      `SELECT ${COLUMNS} FROM batches WHERE partition_id = :partitionId AND base_offset = (
         SELECT base_offset FROM batches WHERE ${FROM_OFFSET} ORDER BY max_timestamp_ms DESC, base_offset LIMIT 1)`,
    );
    this.#nameOf = db
      .prepare<unknown[], string>(
        "SELECT topic || '-' || partition FROM partitions JOIN topics USING (topic_id) WHERE partition_id = ?",
      )
      .pluck();
  }

  /** Up to `maxBytes`, at least one batch if there is one; ends before a damaged batch that is not the first. */
  read({ partitionId, fromOffset, endOffset, maxBytes }: ReadRequest): StoredBatch[] {
    const batches: StoredBatch[] = [];
    // Checked after the scan: while it runs, the connection takes no other statement.
    for (const row of this.#rows({ partitionId, fromOffset, endOffset, maxBytes })) {
      const damage = damageOf(row);
      if (damage !== undefined && batches.length === 0) throw this.#corruption(row, damage);
      if (damage !== undefined) break;
      batches.push(toBatch(row));
    }
    return batches;
  }

  #rows({ partitionId, fromOffset, endOffset, maxBytes }: ReadRequest): BatchRow[] {
    const rows: BatchRow[] = [];
    let sizeBytes = 0;
    try {
      for (const row of this.#scan.iterate({ partitionId, fromOffset, endOffset })) {
        sizeBytes += row.bytes.length;
        if (rows.length > 0 && sizeBytes > maxBytes) break;
        rows.push(row);
        if (sizeBytes >= maxBytes) break;
      }
    } catch (error) {
      if (rows.length === 0 || !isCorrupt(error)) throw this.#named(partitionId, fromOffset, error);
    }
    return rows;
  }

  findByTimestamp(request: TimestampRequest): StoredBatch | undefined {
    return this.#first(this.#byTimestamp, request);
  }

  findMaxTimestamp(request: Omit<TimestampRequest, "timestampMs">): StoredBatch | undefined {
    return this.#first(this.#maxTimestamp, request);
  }

  #first(
    statement: { get(parameters: object): BatchRow | undefined },
    request: Omit<TimestampRequest, "timestampMs">,
  ): StoredBatch | undefined {
    let row: BatchRow | undefined;
    try {
      row = statement.get(request);
    } catch (error) {
      throw this.#named(request.partitionId, request.fromOffset, error);
    }
    if (row === undefined) return undefined;
    const damage = damageOf(row);
    if (damage !== undefined) throw this.#corruption(row, damage);
    return toBatch(row);
  }

  #corruption(row: BatchRow, damage: string): StorageCorruptionError {
    const text = this.#corruptionText(row.partition_id, `offsets ${row.base_offset} to ${row.last_offset}`, damage);
    return new StorageCorruptionError(row.partition_id, row.base_offset, text);
  }

  /** A page that SQLite itself cannot read is damage of the place that was asked for. */
  #named(partitionId: PartitionId, fromOffset: number, error: unknown): unknown {
    if (!isCorrupt(error)) return error;
    const text = this.#corruptionText(partitionId, `offsets from ${fromOffset}`, describeError(error));
    return new StorageCorruptionError(partitionId, fromOffset, text);
  }

  #corruptionText(partitionId: PartitionId, offsets: string, damage: string): string {
    let name: string | undefined;
    try {
      name = this.#nameOf.get(partitionId);
    } catch {
      // The id will do.
    }
    return (
      `${this.#db.name}: the batch at ${offsets} of ${name ?? "a partition"} (partition id ${partitionId}) is damaged on the disk: ${damage}. ` +
      "Other partitions and offsets are served; restore the file from a copy, or read on after these offsets"
    );
  }
}

function isCorrupt(error: unknown): boolean {
  return sqliteCode(error)?.startsWith("SQLITE_CORRUPT") === true;
}

function toBatch(row: BatchRow): StoredBatch {
  return {
    partitionId: row.partition_id,
    baseOffset: row.base_offset,
    lastOffset: row.last_offset,
    maxTimestampMs: row.max_timestamp_ms,
    bytes: row.bytes,
  };
}
