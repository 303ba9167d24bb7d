// What a consumer hands out, and who may look at it on the way: the shapes that the consumer and its options share.

import type { OffsetAndMetadata } from "./errors.ts";
import type { Header } from "./serdes.ts";

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
