// Where a place lies in partitions: asked of the broker, once.

import type { Consumer, TopicPartition } from "@brooklet/client";
import { type LogPlace, type Placed, placed } from "../../places.ts";

/** Within the log as it is now; with a note where the place is not. */
export type Located = TopicPartition & Placed;

/** In the order of `partitions`. Errors: TimeoutError; the broker's. */
export async function locate(
  consumer: Consumer,
  partitions: TopicPartition[],
  place: LogPlace,
  timeoutMs: number,
): Promise<Located[]> {
  if (partitions.length === 0) return [];
  const [starts, ends, hits] = await Promise.all([
    consumer.beginningOffsets(partitions, { timeoutMs }),
    consumer.endOffsets(partitions, { timeoutMs }),
    place.kind === "time"
      ? consumer.offsetsForTimes(
          partitions.map((partition) => ({ ...partition, timestamp: place.value })),
          { timeoutMs },
        )
      : [],
  ]);
  return partitions.map(({ topic, partition }, index) => {
    const logStartOffset = starts[index]?.offset ?? 0;
    // The log may have been cut between the two questions.
    const highWatermark = Math.max(logStartOffset, ends[index]?.offset ?? 0);
    return { topic, partition, ...placed(place, { logStartOffset, highWatermark }, hits[index]?.offset ?? -1) };
  });
}
