// The public surface of @brooklet/client as it was promised: names, shapes and meanings are fixed, more may be added.
// surface.test.ts holds what the package exports against it; nothing here is derived from the code.

// ---------------------------------------------------------------- @brooklet/client: common

export interface TopicPartition {
  topic: string;
  partition: number;
}
/** `offset` is the next offset to read, as in Kafka. */
export interface OffsetAndMetadata extends TopicPartition {
  offset: number;
  metadata?: string;
  leaderEpoch?: number;
}
/** What the broker recorded for one partition; `error` where it refused. */
export interface CommittedOffset extends OffsetAndMetadata {
  committedAtMs: number;
  error?: BrookletError;
}
export interface Header {
  key: string;
  value: Uint8Array | null;
}

export interface Serializer<T> {
  serialize(topic: string, value: T, headers: Header[]): Uint8Array | null;
}
export interface Deserializer<T> {
  deserialize(topic: string, bytes: Uint8Array, headers: readonly Header[]): T;
}
export interface Serde<T> extends Serializer<T>, Deserializer<T> {}
export const string: Serde<string>;
export const bytes: Serde<Uint8Array>;
export const int64: Serde<bigint>;
export const double: Serde<number>;
export function json<T>(): Serde<T>;

/** `name` is the class name, `code` Kafka's error name (or a client-side one such as NETWORK_EXCEPTION). */
export class BrookletError extends Error {
  readonly code: string;
  readonly retriable: boolean;
  readonly fatal: boolean;
  readonly definite: boolean;
  readonly hint?: string;
  readonly context?: Record<string, unknown>;
  static is<E extends BrookletError>(this: abstract new (...args: never[]) => E, value: unknown): value is E; // across package copies
}
export class RetriableError extends BrookletError {}
export class ConfigError extends BrookletError {
  readonly problems: { setting: string; problem: string; suggestion?: string }[];
}
export class TimeoutError extends RetriableError {}
export class WakeupError extends BrookletError {}
/** `partitions` were refused; `results` holds what was recorded and what was not. */
export class CommitFailedError extends BrookletError {
  readonly partitions: TopicPartition[];
  readonly results: CommittedOffset[];
}
export class RetriableCommitFailedError extends RetriableError {}
export class NoOffsetForPartitionError extends BrookletError {
  readonly partitions: TopicPartition[];
}
export class OffsetOutOfRangeError extends BrookletError {
  readonly partitions: OffsetAndMetadata[];
}
export class RecordDeserializationError extends BrookletError {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly part: "key" | "value";
  readonly keyBytes: Uint8Array | null;
  readonly valueBytes: Uint8Array | null;
}
export class RecordTooLargeError extends BrookletError {}
export class FencedInstanceIdError extends BrookletError {}
export class UnreleasedInstanceIdError extends BrookletError {}
export class LogTruncationError extends BrookletError {}
export class ProducerFencedError extends BrookletError {}
export class ClosedError extends BrookletError {}

// ---------------------------------------------------------------- Consumer

/** Kafka's option names; numbers in Kafka's units. The full list: SEMANTICS.md 1.1. */
export interface ConsumerConfig<K, V> {
  "bootstrap.servers": string | string[];
  "key.deserializer"?: Deserializer<K>;
  "value.deserializer"?: Deserializer<V>; // default: bytes
  "group.id"?: string;
  "group.instance.id"?: string;
  "client.id"?: string;
  "auto.offset.reset"?: "latest" | "earliest" | "none" | `by_duration:${string}`;
  "enable.auto.commit"?: boolean;
  "auto.commit.interval.ms"?: number;
  "max.poll.records"?: number;
  "session.timeout.ms"?: number;
  "heartbeat.interval.ms"?: number;
  "max.poll.interval.ms"?: number;
  "isolation.level"?: "read_uncommitted" | "read_committed";
  "fetch.min.bytes"?: number;
  "fetch.max.wait.ms"?: number;
  "fetch.max.bytes"?: number;
  "max.partition.fetch.bytes"?: number;
  "default.api.timeout.ms"?: number;
  "request.timeout.ms"?: number;
  "retry.backoff.ms"?: number;
  "reconnect.backoff.ms"?: number;
  "group.remote.assignor"?: "uniform" | "range";
  "allow.auto.create.topics"?: boolean;
  "check.crcs"?: boolean;
  // every further option of SEMANTICS.md 1.1, typed; those accepted and ignored as `?: unknown`. No index signature: a typo is a type error.
}

export interface ConsumerRecord<K, V> {
  topic: string;
  partition: number;
  offset: number;
  leaderEpoch: number;
  timestamp: number;
  timestampType: "CreateTime" | "LogAppendTime";
  key: K | null;
  value: V | null;
  headers: Header[];
}

/** Called inside poll, ready, close and unsubscribe, never during a handler; may be async and is awaited. */
export interface RebalanceListener {
  onPartitionsAssigned?(partitions: TopicPartition[]): void | Promise<void>;
  onPartitionsRevoked?(partitions: TopicPartition[]): void | Promise<void>; // still owned: commit works
  onPartitionsLost?(partitions: TopicPartition[]): void | Promise<void>; // already somebody else's; default: onPartitionsRevoked
}
export interface CallOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
}

export class Consumer<K = Uint8Array, V = Uint8Array> implements AsyncDisposable {
  constructor(config: ConsumerConfig<K, V>, options?: ClientOptions); // throws ConfigError with all problems
  subscribe(topics: string[] | RegExp | { pattern: string }, listener?: RebalanceListener): void; // RegExp: here; pattern: RE2, by the broker
  unsubscribe(): Promise<void>;
  assign(partitions: TopicPartition[]): void;
  subscription(): string[];
  assignment(): TopicPartition[];
  ready(options?: CallOptions): Promise<TopicPartition[]>; // drives joining and callbacks like poll, returns no records
  poll(timeoutMs: number, options?: { signal?: AbortSignal }): Promise<ConsumerRecord<K, V>[]>;
  [Symbol.asyncIterator](): AsyncIterator<ConsumerRecord<K, V>>;
  commit(offsets?: OffsetAndMetadata[], options?: CallOptions): Promise<CommittedOffset[]>; // rejects if any partition was refused
  commitAsync(callback?: (error: BrookletError | null, offsets: OffsetAndMetadata[]) => void): void;
  commitAsync(
    offsets: OffsetAndMetadata[],
    callback?: (error: BrookletError | null, offsets: OffsetAndMetadata[]) => void,
  ): void;
  committed(partitions: TopicPartition[], options?: CallOptions): Promise<(OffsetAndMetadata | null)[]>; // in order
  position(partition: TopicPartition, options?: CallOptions): Promise<number>;
  seek(partition: TopicPartition, offset: number): void;
  seekToBeginning(partitions?: TopicPartition[]): void; // none or empty: all assigned
  seekToEnd(partitions?: TopicPartition[]): void;
  pause(partitions: TopicPartition[]): void;
  resume(partitions: TopicPartition[]): void;
  paused(): TopicPartition[];
  beginningOffsets(partitions: TopicPartition[], options?: CallOptions): Promise<OffsetAndMetadata[]>;
  endOffsets(partitions: TopicPartition[], options?: CallOptions): Promise<OffsetAndMetadata[]>;
  offsetsForTimes(
    queries: (TopicPartition & { timestamp: number })[],
    options?: CallOptions,
  ): Promise<((TopicPartition & { offset: number; timestamp: number }) | null)[]>;
  currentLag(partition: TopicPartition): number | undefined;
  groupMetadata(): { groupId: string; memberId: string; memberEpoch: number; instanceId?: string };
  wakeup(): void; // the running or next blocking call rejects with WakeupError, once
  on(
    event: "rebalance" | "heartbeatLate" | "pollIntervalNear" | "commitFailed",
    listener: (detail: Record<string, unknown>) => void,
  ): this;
  close(options?: { timeoutMs?: number; membership?: "default" | "leave" | "remain" }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------- Producer

export interface ProducerConfig<K, V> {
  "bootstrap.servers": string | string[];
  "key.serializer"?: Serializer<K>;
  "value.serializer"?: Serializer<V>; // default: bytes
  "client.id"?: string;
  acks?: 0 | 1 | -1 | "all";
  "enable.idempotence"?: boolean;
  "linger.ms"?: number;
  "batch.size"?: number;
  "buffer.memory"?: number;
  "max.block.ms"?: number;
  "max.request.size"?: number;
  "compression.type"?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  "delivery.timeout.ms"?: number;
  "request.timeout.ms"?: number;
  "retry.backoff.ms"?: number;
  "transactional.id"?: string;
  "transaction.timeout.ms"?: number;
  // every further option of SEMANTICS.md 1.2, as above
}
/** For tests and embedding: a logger, and the world (clock, random, transport) that a simulation owns. */
export interface ClientOptions {
  logger?: unknown;
  world?: unknown;
}
export interface ProducerRecord<K, V> {
  topic: string;
  partition?: number;
  key?: K | null;
  value: V | null;
  headers?: Header[];
  timestamp?: number;
}
export interface RecordMetadata extends TopicPartition {
  offset: number;
  timestamp: number;
}

export class Producer<K = Uint8Array, V = Uint8Array> implements AsyncDisposable {
  constructor(config: ProducerConfig<K, V>, options?: ClientOptions);
  send(record: ProducerRecord<K, V>): Promise<RecordMetadata>;
  flush(options?: CallOptions): Promise<void>;
  partitionsFor(topic: string): Promise<TopicPartition[]>;
  initTransactions(): Promise<void>;
  beginTransaction(): void;
  sendOffsetsToTransaction(offsets: OffsetAndMetadata[], group: ReturnType<Consumer["groupMetadata"]>): Promise<void>;
  commitTransaction(): Promise<void>;
  abortTransaction(): Promise<void>;
  close(options?: { timeoutMs?: number }): Promise<void>; // waits for what was sent
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------- Admin (calls mirror the APIs; results in the order of the request;
// a partial failure rejects with the first error, whose context.results holds all)

export class Admin implements AsyncDisposable {
  constructor(
    config: {
      "bootstrap.servers": string | string[];
      "client.id"?: string;
      "default.api.timeout.ms"?: number;
      "request.timeout.ms"?: number;
    },
    options?: ClientOptions,
  );
  createTopics(
    topics: { topic: string; partitions?: number; configs?: Record<string, string> }[],
    options?: { validateOnly?: boolean },
  ): Promise<{ topic: string; topicId: string }[]>;
  deleteTopics(topics: string[]): Promise<void>;
  listTopics(options?: { internal?: boolean }): Promise<string[]>;
  describeTopics(topics: string[]): Promise<
    {
      topic: string;
      topicId: string;
      partitions: { partition: number; logStartOffset: number; highWatermark: number }[];
    }[]
  >;
  createPartitions(changes: { topic: string; partitions: number }[]): Promise<void>;
  describeConfigs(
    topics: string[],
  ): Promise<{ topic: string; configs: { name: string; value: string; source: "default" | "broker" | "topic" }[] }[]>;
  alterConfigs(changes: { topic: string; configs: Record<string, string | null> }[]): Promise<void>;
  deleteRecords(
    before: (TopicPartition & { offset: number })[],
  ): Promise<(TopicPartition & { logStartOffset: number })[]>;
  listOffsets(
    queries: (TopicPartition & { at: "earliest" | "latest" | "maxTimestamp" | number })[],
  ): Promise<(TopicPartition & { offset: number; timestamp: number })[]>;
  listGroups(): Promise<{ groupId: string; state: string }[]>;
  describeGroups(groupIds: string[]): Promise<
    {
      groupId: string;
      state: "Empty" | "Assigning" | "Reconciling" | "Stable" | "Dead";
      epoch: number;
      assignor: string;
      members: {
        memberId: string;
        instanceId?: string;
        clientId: string;
        epoch: number;
        assignment: TopicPartition[];
      }[];
      timeline: {
        atMs: number;
        event: string;
        epoch: number;
        member?: string;
        partitions?: TopicPartition[];
        reason?: string;
      }[];
    }[]
  >;
  deleteGroups(groupIds: string[]): Promise<void>;
  listGroupOffsets(groupId: string, partitions?: TopicPartition[]): Promise<(OffsetAndMetadata & { lag: number })[]>;
  alterGroupOffsets(groupId: string, offsets: OffsetAndMetadata[]): Promise<CommittedOffset[]>; // only while the group is empty
  deleteGroupOffsets(groupId: string, partitions: TopicPartition[]): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
