// What an application gives a producer and gets back: records, where they were stored, and interceptors around them.

import type { BrookletError, TopicPartition } from "./errors.ts";
import type { Header } from "./serdes.ts";

/** A record to send. `value: null` is a tombstone; `timestamp` is now by default; a named `partition` is taken as it is. */
export interface ProducerRecord<K, V> {
  topic: string;
  partition?: number;
  key?: K | null;
  value: V | null;
  headers?: Header[];
  timestamp?: number;
}

/** Where a record was stored. `offset` is -1 with `acks: 0`. */
export interface RecordMetadata extends TopicPartition {
  offset: number;
  timestamp: number;
}

/** Any of these methods; called in the order of `interceptor.classes`. */
export interface ProducerInterceptor<K, V> {
  /** Before the record is serialized: gives it, or another, to the next. Must not wait. */
  onSend?(record: ProducerRecord<K, V>): ProducerRecord<K, V>;
  /**
   * When the broker has answered or the send has failed, before its promise settles. `partition`, `offset` and `timestamp` are
   * -1 where they are not known. Must not wait.
   */
  onAcknowledgement?(metadata: RecordMetadata, error: BrookletError | null): void;
  /** Once, when the producer has closed. */
  close?(): void;
}
