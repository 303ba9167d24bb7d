// What the broker asks of its storage. Behind it: storage/sqlite/ with two executors, threads and inline.
// Nobody above this file knows SQL, begins a transaction or sees a row of a table.
//
// Invariant: `write` gets one turn at a time per call and executes turns in the order of the calls, each as one
// transaction; after a failed turn every later turn of the same generation is refused without being executed.

/** After which event a write is acknowledged (DESIGN.md section 4, Durability). */
export type Durability = "disk" | "process" | "memory";

/** A partition's number inside the store; never reused, unlike a topic's name. */
export type PartitionId = number;

/** One record batch as it lies in the store: the bytes hold the same facts in Kafka's encoding. */
export interface StoredBatch {
  readonly partitionId: PartitionId;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly bytes: Uint8Array;
}

export interface StoredTopic {
  readonly topicId: string;
  readonly topic: string;
  readonly configs: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /** Index = partition number. */
  readonly partitions: readonly { readonly partitionId: PartitionId; readonly logStartOffset: number }[];
}

/** What the index needs to know of a batch. */
export interface BatchFacts {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly sizeBytes: number;
  readonly maxTimestampMs: number;
  readonly leaderEpoch: number;
}

/**
 * A run of consecutive batches of one segment: what retention and look-ups by time need to know of them, so that nobody reads
 * every batch. Written once, when it is complete; the batches after the last one are the index's tail, read at the start.
 */
export interface StoredRange {
  readonly partitionId: PartitionId;
  readonly baseOffset: number;
  /** After the last record. */
  readonly endOffset: number;
  /** Where its segment begins: at this range, or at an earlier one. */
  readonly segmentBaseOffset: number;
  readonly sizeBytes: number;
  /** The largest timestamp of its first batch. */
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
}

/** From which offset on records are of a leader epoch. */
export interface EpochStart {
  readonly leaderEpoch: number;
  readonly startOffset: number;
}

/** What is stored of a partition's log beside its records; by offset, ascending. */
export interface StoredLogIndex {
  readonly partitionId: PartitionId;
  readonly ranges: readonly StoredRange[];
  /** The batches behind the last range. */
  readonly tail: readonly BatchFacts[];
  readonly epochs: readonly EpochStart[];
}

/** What the broker remembers of one idempotent producer in one partition: the latest five batches, oldest first. */
export interface StoredProducerState {
  readonly partitionId: PartitionId;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly batches: readonly {
    readonly firstSequence: number;
    readonly lastSequence: number;
    readonly baseOffset: number;
    readonly lastOffset: number;
    /** What the original was answered with, where the topic stamps append times; else -1. */
    readonly logAppendTimeMs: number;
  }[];
  /** Wall time of the last append, for producer.id.expiration.ms. */
  readonly lastAppendMs: number;
}

export interface StoredOffset {
  readonly groupId: string;
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
  /** The next offset to read. */
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly committedAtMs: number;
}

/** A group's durable state, as JSON that groups/ writes and reads; storage does not look inside. */
export interface StoredGroup {
  readonly groupId: string;
  readonly state: string;
}

/** One change of the durable state. A turn is a list of them, applied in order in one transaction. */
export type Change =
  | { readonly kind: "appendBatch"; readonly batch: StoredBatch }
  /** Raises where the log begins; never lowers it. The batches before it go in the background. */
  | {
      readonly kind: "moveLogStart";
      readonly partitionId: PartitionId;
      readonly logStartOffset: number;
      /** Ranges of segments that begin earlier are of no use any more. */
      readonly firstSegmentOffset: number;
    }
  | { readonly kind: "putRange"; readonly range: StoredRange }
  | ({ readonly kind: "putLeaderEpoch"; readonly partitionId: PartitionId } & EpochStart)
  | { readonly kind: "putProducerState"; readonly state: StoredProducerState }
  | { readonly kind: "deleteProducerState"; readonly partitionId: PartitionId; readonly producerId: number }
  | { readonly kind: "createTopic"; readonly topic: StoredTopic }
  /** More partitions behind the topic's last; without records, from offset 0. Nothing for a topic that is gone. */
  | {
      readonly kind: "addPartitions";
      readonly topicId: string;
      readonly partitions: readonly { readonly partition: number; readonly partitionId: PartitionId }[];
    }
  /** All of what is configured for the topic. Nothing for a topic that is gone. */
  | { readonly kind: "putTopicConfigs"; readonly topicId: string; readonly configs: Readonly<Record<string, string>> }
  /** Removes the topic, its offsets of every group at once, its batches in the background. */
  | { readonly kind: "deleteTopic"; readonly topicId: string }
  | { readonly kind: "putOffset"; readonly offset: StoredOffset }
  | { readonly kind: "deleteOffset"; readonly groupId: string; readonly topicId: string; readonly partition: number }
  | { readonly kind: "putGroup"; readonly group: StoredGroup }
  /** With its offsets. */
  | { readonly kind: "deleteGroup"; readonly groupId: string }
  /** A number the broker counts up: the next producer id, the next partition id. */
  | { readonly kind: "putCounter"; readonly name: string; readonly value: number };

/** A part of a turn that is one caller's: its changes stand or fall together with the turn. */
export interface TurnPart {
  readonly changes: readonly Change[];
  /** Commits (with their `__consumer_offsets` batch) and group state: tried again alone when the disk is full. */
  readonly essential: boolean;
}

export interface Turn {
  /** Rises by one with every turn since the start. */
  readonly number: number;
  /** Rises when a turn failed: what was built on the failed one must not be executed. */
  readonly generation: number;
  readonly parts: readonly TurnPart[];
}

/** Whether the turn takes batches out of sight that the storage then removes by itself. */
export function leavesBatchesToRemove(turn: Turn): boolean {
  return turn.parts.some(({ changes }) =>
    changes.some(({ kind }) => kind === "deleteTopic" || kind === "moveLogStart"),
  );
}

/**
 * What became of a turn. `essentialOnly`: the disk was full, the essential parts are durable, the others are certainly not.
 * `full`: nothing of it is stored. `refused`: an earlier turn of its generation failed; nothing of it was executed.
 * `failed`: unknown; the storage has stopped and stays stopped (fail-stop).
 */
export type TurnVerdict =
  | {
      readonly outcome: "durable";
      /** The disk was full, and the reserve was given up to make room for this turn: why. */
      readonly reserveGivenUp?: string;
    }
  | { readonly outcome: "essentialOnly" | "full" | "refused" | "failed"; readonly message: string };

/** Everything the broker keeps in memory, as the last durable turn left it. */
export interface StoredState {
  readonly clusterId: string;
  /** Stamped into batches as the leader epoch; raised after an unclean end of a level below `disk`. */
  readonly bootEpoch: number;
  readonly topics: readonly StoredTopic[];
  /** For every partition with batches: the offset after its last one. */
  readonly logEnds: readonly { readonly partitionId: PartitionId; readonly logEndOffset: number }[];
  /** For every partition with anything in its index. */
  readonly logIndexes: readonly StoredLogIndex[];
  readonly producerStates: readonly StoredProducerState[];
  readonly offsets: readonly StoredOffset[];
  readonly groups: readonly StoredGroup[];
  readonly counters: Readonly<Record<string, number>>;
}

export interface ReadRequest {
  readonly partitionId: PartitionId;
  /** The first returned batch is the one that holds this offset, or the next one after it. */
  readonly fromOffset: number;
  /** Batches whose last offset is at or above this are not returned (the reader's high watermark or last stable offset). */
  readonly endOffset: number;
  /** Soft: at least one batch is returned if there is one. */
  readonly maxBytes: number;
}

/** A batch on the disk does not have the checksum it was written with. Other partitions are served on. */
export class StorageCorruptionError extends Error {
  override name = "StorageCorruptionError";
  readonly partitionId: PartitionId;
  readonly baseOffset: number;
  constructor(partitionId: PartitionId, baseOffset: number, message: string) {
    super(message);
    this.partitionId = partitionId;
    this.baseOffset = baseOffset;
  }
}

/** How much room the storage takes now. */
export interface StorageStats {
  /** Of the write-ahead log beside the data file; 0 when ephemeral. */
  readonly walBytes: number;
  /** Of the data file, or of the database in memory. */
  readonly databaseBytes: number;
}

export interface Storage {
  readonly durability: Durability;
  /** Absent when ephemeral. */
  readonly dataFile: string | undefined;
  /** Resolves (never rejects) when the turn's fate is known; in the order of the calls. */
  write(turn: Turn): Promise<TurnVerdict>;
  /** Whole batches, checked against their CRC-32C. Rejects with StorageCorruptionError. */
  read(request: ReadRequest): Promise<readonly StoredBatch[]>;
  /** The first batch from `fromOffset` below `endOffset` whose largest timestamp is at least `timestampMs`. */
  findByTimestamp(request: {
    partitionId: PartitionId;
    fromOffset: number;
    endOffset: number;
    timestampMs: number;
  }): Promise<StoredBatch | undefined>;
  /** The first batch among those with the largest timestamp. */
  findMaxTimestamp(request: {
    partitionId: PartitionId;
    fromOffset: number;
    endOffset: number;
  }): Promise<StoredBatch | undefined>;
  /**
   * After a full disk: whether there is room again, with the reserve that lets commits pass back in place.
   * Absent: nobody knows but a turn that is tried.
   */
  regainSpace?(): Promise<boolean>;
  /** Cheap enough for every scrape of the metrics. */
  stats(): StorageStats;
  /** Resolves with the cause when the storage stopped by itself (an I/O error, a dead worker); pending while it runs. */
  readonly failed: Promise<Error>;
  /** Waits for the turns under way, marks a clean end, releases the data folder. */
  close(): Promise<void>;
}

export interface OpenedStorage {
  readonly storage: Storage;
  readonly state: StoredState;
  /** Tells whoever wants the same data folder where its holder listens; called when the listener is open. */
  setHolderUrl?(url: string): void;
}
