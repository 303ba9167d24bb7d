// The index of the logs as it is stored: runs of batches (batch_ranges) and the leader epochs, so that a start, a retention
// pass and a look-up by time need not read every batch. Who decides where a range or a segment ends is log/; here they are
// loaded, and made once for a file of a release that had none.
//
// Invariant: what no range covers lies behind the last one, and is read at the start as the tail.

import type { BatchFacts, EpochStart, PartitionId, StoredLogIndex, StoredRange } from "../storage.ts";
import type { Connection } from "./connection.ts";

/** A range made for an older release's file has so many batches; log/ has its own number. */
const BATCHES_PER_RANGE = 64;
/** A segment made for one, where nobody knows any more what the topic's segment.bytes were: Kafka's default. */
const SEGMENT_BYTES = 1024 * 1024 * 1024;

const FACTS = `
  base_offset AS baseOffset, last_offset AS lastOffset, length(bytes) AS sizeBytes,
  max_timestamp_ms AS maxTimestampMs, leader_epoch AS leaderEpoch`;

export interface LoadedLogs {
  readonly indexes: StoredLogIndex[];
  /** For every partition with batches. */
  readonly ends: { readonly partitionId: PartitionId; readonly logEndOffset: number }[];
}

/** What is stored of the logs of these partitions, without their records. */
export function loadLogIndexes(
  db: Connection,
  partitions: Iterable<{ readonly partitionId: PartitionId; readonly logStartOffset: number }>,
): LoadedLogs {
  // Ranges of segments that are gone wait for their removal; a tail behind them would be taken for a part of the last one.
  const ranges = grouped(
    db
      .prepare(
        `SELECT partition_id AS partitionId, base_offset AS baseOffset, end_offset AS endOffset,
           segment_base_offset AS segmentBaseOffset, size_bytes AS sizeBytes, first_timestamp_ms AS firstTimestampMs,
           max_timestamp_ms AS maxTimestampMs
         FROM batch_ranges LEFT JOIN trimmed_partitions USING (partition_id)
         WHERE base_offset >= ifnull(first_segment_offset, 0) ORDER BY partition_id, base_offset`,
      )
      .iterate() as Iterable<StoredRange>,
  );
  const epochs = grouped(
    db
      .prepare(
        `SELECT partition_id AS partitionId, leader_epoch AS leaderEpoch, start_offset AS startOffset
         FROM leader_epochs ORDER BY partition_id, leader_epoch`,
      )
      .iterate() as Iterable<EpochStart & { partitionId: PartitionId }>,
  );
  // A batch that begins before the log start may hold it. Batches before that one wait for their removal.
  const tailOf = db.prepare<unknown[], BatchFacts>(
    `SELECT ${FACTS} FROM batches WHERE partition_id = :partitionId AND base_offset >= ifnull(
       (SELECT max(base_offset) FROM batches WHERE partition_id = :partitionId AND base_offset <= :fromOffset), 0)
     AND last_offset >= :fromOffset ORDER BY base_offset`,
  );
  const loaded: LoadedLogs = { indexes: [], ends: [] };
  for (const { partitionId, logStartOffset } of partitions) {
    const known = ranges.get(partitionId) ?? [];
    const starts = epochs.get(partitionId) ?? [];
    const fromOffset = known.at(-1)?.endOffset ?? logStartOffset;
    const tail = tailOf.all({ partitionId, fromOffset });
    if (known.length === 0 && tail.length === 0 && starts.length === 0) continue;
    loaded.indexes.push({
      partitionId,
      ranges: known,
      tail,
      epochs: starts.map(({ leaderEpoch, startOffset }) => ({ leaderEpoch, startOffset })),
    });
    const last = tail.at(-1);
    const indexedEnd = last === undefined ? known.at(-1)?.endOffset : last.lastOffset + 1;
    // The ranges of removed batches may stand a little longer than the batches, and the last one may never have been saved.
    if (indexedEnd !== undefined) loaded.ends.push({ partitionId, logEndOffset: Math.max(indexedEnd, logStartOffset) });
  }
  return loaded;
}

/** Makes the index of every log from its batches. Reads each once; their bytes only as far as their length. */
export function indexWholeLog(db: Connection): void {
  const batchesOf = db.prepare<unknown[], BatchFacts>(
    `SELECT ${FACTS} FROM batches WHERE partition_id = ? AND base_offset > ? ORDER BY base_offset LIMIT ${BATCHES_PER_RANGE}`,
  );
  const putRange = db.prepare("INSERT INTO batch_ranges VALUES (?, ?, ?, ?, ?, ?, ?)");
  const putEpoch = db.prepare("INSERT OR IGNORE INTO leader_epochs VALUES (?, ?, ?)");
  const ids = db.prepare<unknown[], number>("SELECT partition_id FROM partitions").pluck().all();
  for (const partitionId of ids) {
    let after = -1;
    let segmentBaseOffset: number | undefined;
    let segmentBytes = 0;
    for (;;) {
      const batches = batchesOf.all(partitionId, after);
      const [first] = batches;
      const last = batches.at(-1);
      if (first === undefined || last === undefined) break;
      for (const { leaderEpoch, baseOffset } of batches) putEpoch.run(partitionId, leaderEpoch, baseOffset);
      // The rest is the tail.
      if (batches.length < BATCHES_PER_RANGE) break;
      const sizeBytes = batches.reduce((sum, batch) => sum + batch.sizeBytes, 0);
      if (segmentBaseOffset === undefined || segmentBytes + sizeBytes > SEGMENT_BYTES) {
        segmentBaseOffset = first.baseOffset;
        segmentBytes = 0;
      }
      segmentBytes += sizeBytes;
      const maxTimestampMs = Math.max(...batches.map((batch) => batch.maxTimestampMs));
      putRange.run(
        partitionId,
        first.baseOffset,
        last.lastOffset + 1,
        segmentBaseOffset,
        sizeBytes,
        first.maxTimestampMs,
        maxTimestampMs,
      );
      after = last.baseOffset;
    }
  }
}

function grouped<T extends { readonly partitionId: PartitionId }>(rows: Iterable<T>): Map<PartitionId, T[]> {
  const groups = new Map<PartitionId, T[]>();
  for (const row of rows) {
    const group = groups.get(row.partitionId);
    if (group === undefined) groups.set(row.partitionId, [row]);
    else group.push(row);
  }
  return groups;
}
