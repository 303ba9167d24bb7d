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
    let sizeBytes = 0;
    return this.#naming(partitionId, fromOffset, () => {
      for (const row of this.#scan.iterate({ partitionId, fromOffset, endOffset })) {
        sizeBytes += row.bytes.length;
        if (batches.length > 0 && (sizeBytes > maxBytes || damageOf(row) !== undefined)) break;
        batches.push(this.#checked(row));
        if (sizeBytes >= maxBytes) break;
      }
      return batches;
    });
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
    return this.#naming(request.partitionId, request.fromOffset, () => {
      const row = statement.get(request);
      return row === undefined ? undefined : this.#checked(row);
    });
  }

  #checked(row: BatchRow): StoredBatch {
    const damage = damageOf(row);
    if (damage !== undefined) {
      throw new StorageCorruptionError(
        row.partition_id,
        row.base_offset,
        this.#corruptionText(row.partition_id, `offsets ${row.base_offset} to ${row.last_offset}`, damage),
      );
    }
    return {
      partitionId: row.partition_id,
      baseOffset: row.base_offset,
      lastOffset: row.last_offset,
      maxTimestampMs: row.max_timestamp_ms,
      bytes: row.bytes,
    };
  }

  /** A page that SQLite itself cannot read is damage of the place that was asked for. */
  #naming<T>(partitionId: PartitionId, fromOffset: number, run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!sqliteCode(error)?.startsWith("SQLITE_CORRUPT")) throw error;
      const text = this.#corruptionText(partitionId, `offsets from ${fromOffset}`, describeError(error));
      throw new StorageCorruptionError(partitionId, fromOffset, text);
    }
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
