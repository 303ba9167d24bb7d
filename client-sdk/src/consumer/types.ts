// The public shapes of the consumer that are not the class itself, and the few that its parts share.

import type { TopicPartition } from "../errors.ts";

/** Called inside poll, ready, close and unsubscribe, never during a handler; may be async and is awaited. */
export interface RebalanceListener {
  onPartitionsAssigned?(partitions: TopicPartition[]): void | Promise<void>;
  /** The partitions are still owned: commit works. */
  onPartitionsRevoked?(partitions: TopicPartition[]): void | Promise<void>;
  /** The partitions are already somebody else's. Default: onPartitionsRevoked. */
  onPartitionsLost?(partitions: TopicPartition[]): void | Promise<void>;
}

export type ConsumerEvent = "rebalance" | "heartbeatLate" | "pollIntervalNear" | "commitFailed";
export type EventListener = (detail: Record<string, unknown>) => void;

/** Kafka's way to write a partition, and its key in maps: the partition is what follows the last dash. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

/** Only the two fields, for what users get to see. */
export function plain({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

/** For messages: all of a few, the number of many. */
export function list(partitions: readonly TopicPartition[]): string {
  const MAX_NAMED = 10;
  const names = partitions.slice(0, MAX_NAMED).map(nameOf).join(", ");
  return partitions.length > MAX_NAMED ? `${names} and ${partitions.length - MAX_NAMED} more` : names;
}
