// The public shapes of the consumer that are not the class itself, and the few that its parts share.

import type { OffsetAndMetadata, TopicPartition } from "../errors.ts";
import type { Header } from "../serdes.ts";

export interface ConsumerRecord<K, V> {
  topic: string;
  partition: number;
  offset: number;
  leaderEpoch: number;
  /** Milliseconds since 1970, or -1: none. */
  timestamp: number;
  timestampType: "CreateTime" | "LogAppendTime";
  key: K | null;
  value: V | null;
  headers: Header[];
}

/**
 * Sees every record and commit (tracing, metrics), or changes records. Several form a chain: each gets what the one before
 * returned. What one throws is logged, never thrown (Kafka: ConsumerInterceptor, ConsumerInterceptors).
 */
export interface ConsumerInterceptor<K = Uint8Array, V = Uint8Array> {
  /** Last in poll, and at each step of `for await`. The records to hand out instead; nothing: these. May leave some out. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a method that returns nothing fits too
  onConsume?(records: ConsumerRecord<K, V>[]): ConsumerRecord<K, V>[] | void;
  /** The broker has recorded them. */
  onCommit?(offsets: OffsetAndMetadata[]): void;
  /** At the end of the consumer's close. */
  close?(): void;
}

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
