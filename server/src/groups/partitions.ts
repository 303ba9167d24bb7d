// How groups name partitions: by topic id, never by name, so that a topic deleted and created again is another topic.
// Names appear only where people read: in answers, timelines and error messages.

import type { TopicCatalog } from "../log/log.ts";

export interface PartitionRef {
  readonly topicId: string;
  readonly partition: number;
}

/** A partition in a member's hands, and the epoch in which it was assigned to it (KIP-1251). */
export interface HeldPartition extends PartitionRef {
  readonly epoch: number;
}

/** `topicId:partition`. Topic ids contain no colon. */
export type PartitionKey = string;

/** What groups read of the catalog. */
export type Topics = Pick<TopicCatalog, "byName" | "byId">;

/** Texts travel in answers and stay in timelines, however many there are to name. */
const MAX_NAMES = 10;

export function partitionKey(topicId: string, partition: number): PartitionKey {
  return `${topicId}:${partition}`;
}

export function keyOf({ topicId, partition }: PartitionRef): PartitionKey {
  return partitionKey(topicId, partition);
}

/** A partition with its topic's name; undefined when the topic is gone. */
export function named(topics: Topics, { topicId, partition }: PartitionRef) {
  const topic = topics.byId(topicId)?.topic;
  return topic === undefined ? undefined : { topic, topicId, partition };
}

/** All of them that still have a topic, ordered by name and number. */
export function allNamed(topics: Topics, partitions: Iterable<PartitionRef>) {
  return [...partitions]
    .flatMap((ref) => named(topics, ref) ?? [])
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

/** "orders-0, orders-1 and 12 more". */
export function listed(topics: Topics, partitions: Iterable<PartitionRef>): string {
  return abridged(allNamed(topics, partitions).map(({ topic, partition }) => `${topic}-${partition}`));
}

/** The first few names, and how many more there are. */
export function abridged(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(", ");
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}

/** "3.2 s", "41 ms". */
export function spoken(durationMs: number): string {
  return durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}
