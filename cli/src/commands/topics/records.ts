// How many records a topic holds, by its offsets: compaction and aborted transactions leave gaps, which count.

import type { TopicDescription } from "@brooklet/client";

export function recordsOf({ partitions }: Pick<TopicDescription, "partitions">): number {
  return partitions.reduce((sum, { logStartOffset, highWatermark }) => sum + highWatermark - logStartOffset, 0);
}
