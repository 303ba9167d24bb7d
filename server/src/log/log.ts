// The log: topics, partitions and what is visible of them. Facade of this folder; the parts are beside it.

import type { ApiRequest, ApiResponse } from "@brooklet/protocol";
import type { Change } from "../storage/storage.ts";

/** A topic as the rest of the broker sees it. */
export interface Topic {
  readonly topic: string;
  readonly topicId: string;
  readonly internal: boolean;
  readonly partitionCount: number;
}

export interface FetchWaiting {
  /** Runs `abandon` when nobody waits any more; returns how to stop listening. */
  onCancel(run: () => void): () => void;
}

/** What groups/ needs of the log: which topics exist, and the place of __consumer_offsets. */
export interface TopicCatalog {
  byName(topic: string): Topic | undefined;
  byId(topicId: string): Topic | undefined;
  all(): Iterable<Topic>;
  /** Called synchronously after a topic was created, deleted or given more partitions durably. */
  onChange(listener: (topic: Topic, change: "created" | "deleted" | "extended") => void): void;
  /**
   * Called synchronously when a topic's deletion is staged: what belongs to the topic goes in the same turn. The deletion may
   * still fail with its turn.
   */
  onLeaving(listener: (topic: Topic) => void): void;
  highWatermark(topicId: string, partition: number): number | undefined;
  logStartOffset(topicId: string, partition: number): number | undefined;
}

/** When records were written. */
export interface RecordTimes {
  /**
   * The largest timestamp of the batch that holds the offset, or of the next one; milliseconds since 1970. Undefined when
   * nothing visible lies there, when its producer stamped none, or when it cannot be read. Never rejects.
   */
  at(topicId: string, partition: number, offset: number): Promise<number | undefined>;
}

export interface OffsetsTopicWriter {
  /** The number of partitions of __consumer_offsets, which exists from the first commit on (created by the log, durably). */
  readonly partitionCount: number;
  /**
   * Appends one batch of records to a partition of __consumer_offsets as part of the turn being sealed; returns the changes to
   * stage with the commits, and the callbacks for their fate. Synchronous.
   */
  prepare(
    partition: number,
    records: readonly { key: Uint8Array; value: Uint8Array | null }[],
  ): { changes: readonly Change[]; durable(): void };
}

export type FetchResults = readonly (Omit<ApiResponse<"fetch">["results"][number], "bytes"> & {
  batches: readonly Uint8Array[];
})[];

/** A partition as metrics and status see it. */
export interface PartitionUsage {
  readonly topic: string;
  readonly partition: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  /** Encoded batches of all its segments. */
  readonly sizeBytes: number;
  readonly segments: number;
}

export interface Log {
  readonly catalog: TopicCatalog;
  readonly offsetsTopic: OffsetsTopicWriter;
  readonly recordTimes: RecordTimes;
  /**
   * The results of one produce request, in order. Starts synchronously: per partition, offsets are assigned in the order of
   * the calls, also when compressed batches have to be checked first.
   */
  produce(
    acks: number,
    partitions: readonly { topic: string; topicId?: string; partition: number; batches: Uint8Array }[],
  ): Promise<ApiResponse<"produce">["results"]>;
  fetch(request: ApiRequest<"fetch">, waiting: FetchWaiting): Promise<FetchResults>;
  listOffsets(request: ApiRequest<"listOffsets">): Promise<ApiResponse<"listOffsets">["results"]>;
  metadata(request: ApiRequest<"metadata">): Promise<ApiResponse<"metadata">["topics"]>;
  createTopics(request: ApiRequest<"createTopics">): Promise<ApiResponse<"createTopics">["results"]>;
  deleteTopics(request: ApiRequest<"deleteTopics">): Promise<ApiResponse<"deleteTopics">["results"]>;
  createPartitions(request: ApiRequest<"createPartitions">): Promise<ApiResponse<"createPartitions">["results"]>;
  describeConfigs(request: ApiRequest<"describeConfigs">): Promise<ApiResponse<"describeConfigs">>;
  alterConfigs(request: ApiRequest<"alterConfigs">): Promise<ApiResponse<"alterConfigs">["results"]>;
  deleteRecords(request: ApiRequest<"deleteRecords">): Promise<ApiResponse<"deleteRecords">["results"]>;
  offsetForLeaderEpoch(
    request: ApiRequest<"offsetForLeaderEpoch">,
  ): Promise<ApiResponse<"offsetForLeaderEpoch">["results"]>;
  initProducerId(): Promise<ApiResponse<"initProducerId">>;
  /**
   * An uncompressed copy of a batch as the log serves it, for doors that show readable records; the batch itself when it is
   * uncompressed already. Same offsets and header, the codec's bits cleared.
   *
   * Errors: CORRUPT_MESSAGE; MESSAGE_TOO_LARGE above max.decompressed.batch.bytes; UNSUPPORTED_COMPRESSION_TYPE;
   * BROKER_NOT_AVAILABLE while the broker stops.
   */
  unpack(batch: Uint8Array): Promise<Uint8Array>;
  readonly stats: { topics: number; partitions: number; parkedFetches: number; tailCacheBytes: number };
  /** Every partition, looked at as the iteration comes to it. */
  usage(): Iterable<PartitionUsage>;
  /** Begins what the log does by itself (retention); called once, when the doors are open. */
  start(): void;
  /** Completes every parked fetch with BROKER_NOT_AVAILABLE or what it has, and takes no more requests. */
  close(): void;
}
