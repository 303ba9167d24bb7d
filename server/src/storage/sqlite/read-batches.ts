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

interface RangeRow {
  readonly base_offset: number;
  readonly end_offset: number;
  readonly max_timestamp_ms: number;
}

/** A stretch of a log, and a timestamp that none of its records is above. */
interface Part {
  readonly fromOffset: number;
  readonly endOffset: number;
  readonly maxTimestampMs: number;
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
  readonly #ranges;
  readonly #byTimestamp;
  readonly #maxTimestamp;
  readonly #nameOf;

  constructor(db: Connection) {
    this.#db = db;
    this.#scan = db.prepare<unknown[], BatchRow>(
      `SELECT ${COLUMNS} FROM batches WHERE ${FROM_OFFSET} ORDER BY base_offset`,
    );
    this.#ranges = db.prepare<unknown[], RangeRow>(
      `SELECT base_offset, end_offset, max_timestamp_ms FROM batch_ranges
       WHERE partition_id = :partitionId AND base_offset < :endOffset AND end_offset > :fromOffset ORDER BY base_offset`,
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

  /** Looks through the ranges, and into those alone that may hold it. */
  findByTimestamp(request: TimestampRequest): StoredBatch | undefined {
    for (const range of this.#rangesOf(request)) {
      if (range.maxTimestampMs < request.timestampMs) continue;
      const found = this.#first(this.#byTimestamp, { ...request, ...range });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The first with the largest; looks into ranges that reach further than what was found so far. */
  findMaxTimestamp(request: Omit<TimestampRequest, "timestampMs">): StoredBatch | undefined {
    let found: StoredBatch | undefined;
    const ranges = [...this.#rangesOf(request)];
    // Largest first (the sort is stable): most often the first look is the only one.
    for (const range of ranges.sort((a, b) => b.maxTimestampMs - a.maxTimestampMs)) {
      if (found !== undefined && range.maxTimestampMs < found.maxTimestampMs) break;
      const best = this.#first(this.#maxTimestamp, { ...request, ...range });
      if (best === undefined || (found !== undefined && best.maxTimestampMs < found.maxTimestampMs)) continue;
      if (found === undefined || best.maxTimestampMs > found.maxTimestampMs || best.baseOffset < found.baseOffset)
        found = best;
    }
    return found;
  }

  /** The parts of what is asked for, in order; the last is what no range covers, and may hold any timestamp. */
  #rangesOf({ partitionId, fromOffset, endOffset }: Omit<TimestampRequest, "timestampMs">): Part[] {
    const parts: Part[] = this.#ranges.all({ partitionId, fromOffset, endOffset }).map((range) => ({
      fromOffset: Math.max(fromOffset, range.base_offset),
      endOffset: Math.min(endOffset, range.end_offset),
      maxTimestampMs: range.max_timestamp_ms,
    }));
    const tailOffset = parts.at(-1)?.endOffset ?? fromOffset;
    if (tailOffset < endOffset)
      parts.push({ fromOffset: tailOffset, endOffset, maxTimestampMs: Number.POSITIVE_INFINITY });
    return parts;
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
