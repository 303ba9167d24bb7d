// Small stored things for storage tests: real record batches, and turns around them.

import { encodeBatch } from "@brooklet/protocol";
import type { Change, PartitionId, StoredBatch, StoredTopic, Turn } from "../../server/src/storage/storage.ts";

/** A batch of `count` records from `baseOffset` on; its bytes are as a producer would have made them. */
export function storedBatch(
  partitionId: PartitionId,
  baseOffset: number,
  { count = 1, timestampMs = 1000, valueBytes = 20, fill = baseOffset & 0xff } = {},
): StoredBatch {
  const records = Array.from({ length: count }, () => ({
    key: null,
    value: new Uint8Array(valueBytes).fill(fill),
    headers: [],
    timestamp: timestampMs,
  }));
  const bytes = encodeBatch(records, { baseOffset, leaderEpoch: 0 });
  return { partitionId, baseOffset, lastOffset: baseOffset + count - 1, maxTimestampMs: timestampMs, bytes };
}

export function append(
  partitionId: PartitionId,
  baseOffset: number,
  options?: Parameters<typeof storedBatch>[2],
): Change {
  return { kind: "appendBatch", batch: storedBatch(partitionId, baseOffset, options) };
}

/** A topic whose partitions have the ids `firstPartitionId`, `firstPartitionId + 1`, … */
export function storedTopic(topic: string, firstPartitionId: PartitionId, partitionCount = 1): StoredTopic {
  return {
    topicId: `${topic}-id`,
    topic,
    configs: { "cleanup.policy": "delete" },
    createdAtMs: 1_750_000_000_000,
    partitions: Array.from({ length: partitionCount }, (_, index) => ({
      partitionId: firstPartitionId + index,
      logStartOffset: 0,
    })),
  };
}

/** A turn with one part of each kind, where it has changes. */
export function turn(
  number: number,
  { records = [], essential = [], generation = 1 }: { records?: Change[]; essential?: Change[]; generation?: number },
): Turn {
  const parts = [
    { essential: false, changes: records },
    { essential: true, changes: essential },
  ].filter((part) => part.changes.length > 0);
  return { number, generation, parts };
}

export const putCounter = (name: string, value: number): Change => ({ kind: "putCounter", name, value });

export const putOffset = (groupId: string, partition: number, offset: number): Change => ({
  kind: "putOffset",
  offset: {
    groupId,
    topicId: "orders-id",
    topic: "orders",
    partition,
    offset,
    leaderEpoch: 0,
    metadata: "",
    committedAtMs: 1_750_000_000_001,
  },
});
