// What a topic holds: records by its offsets (compaction and aborted transactions leave gaps, which count), bytes as they are
// stored.

import type { TopicDescription } from "@brooklet/client";
import { byteSize } from "../../format.ts";

type Partitions = Pick<TopicDescription, "partitions">;

export function recordsOf({ partitions }: Partitions): number {
  return partitions.reduce((sum, { logStartOffset, highWatermark }) => sum + highWatermark - logStartOffset, 0);
}

/** undefined where the broker does not tell. */
export function bytesOf({ partitions }: Partitions): number | undefined {
  return partitions.reduce<number | undefined>(
    (sum, { sizeBytes }) => (sum === undefined || sizeBytes === undefined ? undefined : sum + sizeBytes),
    0,
  );
}

/** `12.3 MiB`; nothing where it is unknown. */
export function shownBytes(sizeBytes: number | undefined): string {
  return sizeBytes === undefined ? "" : byteSize(sizeBytes);
}
