// The partitions that a command is about, with the range of each one's log, and the offsets that times come to.

import { type Admin, BrookletError, type TopicDescription, type TopicPartition } from "@brooklet/client";
import type { LogPlace, LogRange } from "../places.ts";

export type PartitionRange = TopicPartition & LogRange;

/**
 * All partitions of a topic, or those that are wanted, in order.
 *
 * Errors: UNKNOWN_TOPIC_OR_PARTITION when the topic has not all of them.
 */
export function partitionsOf(
  { topic, partitions }: Pick<TopicDescription, "topic" | "partitions">,
  wanted?: readonly number[],
): PartitionRange[] {
  const ranges = partitions.map((range) => ({ topic, ...range }));
  if (wanted === undefined) return ranges;
  const byNumber = new Map(ranges.map((range) => [range.partition, range]));
  return wanted.map((partition) => {
    const range = byNumber.get(partition);
    if (range !== undefined) return range;
    const has = partitions.length === 1 ? "only partition 0" : `partitions 0 to ${partitions.length - 1}`;
    throw new BrookletError(`there is no partition ${partition}: topic ${topic} has ${has}`, {
      code: "UNKNOWN_TOPIC_OR_PARTITION",
    });
  });
}

/** The first record at or after the place's time, of each partition; -1 where there is none, and for other places. */
export async function foundAt(
  admin: Admin,
  partitions: readonly TopicPartition[],
  place: LogPlace | undefined,
): Promise<number[]> {
  if (place?.kind !== "time") return partitions.map(() => -1);
  const at = place.value;
  const found = await admin.listOffsets(partitions.map(({ topic, partition }) => ({ topic, partition, at })));
  return found.map(({ offset }) => offset);
}
